"""The aclImdb layout, as a folder and streamed from its archive."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest
from datahelpers import TEXTS, layout, outcome, write_archive
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.data.examples import SourceOptions
from undertone.data.readers._tar import Limits
from undertone.data.readers.archive import read_archive
from undertone.data.selection import Selection
from undertone.data.source import load_unlabelled, read_examples
from undertone.errors import DataError

OPTIONS = SourceOptions()


@pytest.fixture(params=["folder", "archive"])
def source(request):
    return str(request.getfixturevalue(request.param))


def test_labelled_reviews_in_the_order_of_the_layout(source):
    examples = list(read_examples(source, OPTIONS))
    assert [each.name for each in examples] == [
        "test/neg/0_1.txt",
        "test/pos/0_10.txt",
        "train/neg/0_3.txt",
        "train/neg/1_1.txt",
        "train/neg/2_4.txt",
        "train/neg/10_2.txt",
        "train/pos/0_9.txt",
        "train/pos/1_8.txt",
        "train/pos/2_7.txt",
        "train/pos/10_10.txt",
    ]
    assert [each.text for each in examples] == [TEXTS[each.name] for each in examples]
    assert [each.label for each in examples] == ["negative", "positive"] + ["negative"] * 4 + [
        "positive"
    ] * 4
    assert [each.split for each in examples] == ["test"] * 2 + ["train"] * 8


def test_line_n_of_the_url_list_is_the_film_of_review_n(source):
    films = {each.name: each.group for each in read_examples(source, OPTIONS)}
    assert films["train/pos/0_9.txt"] == films["train/pos/1_8.txt"] == "tt01"
    assert films["train/pos/2_7.txt"] == "tt02"
    assert films["train/pos/10_10.txt"] == "tt03"
    assert films["train/neg/1_1.txt"] == films["train/neg/2_4.txt"] == "tt04"
    assert films["train/neg/10_2.txt"] == "tt05"
    assert films["test/pos/0_10.txt"] == "tt70"


def test_folder_and_archive_are_the_same(folder, archive):
    assert list(read_examples(str(folder), OPTIONS)) == list(read_examples(str(archive), OPTIONS))


def test_the_folder_above_will_do(folder):
    assert len(list(read_examples(str(folder.parent), OPTIONS))) == 10


def test_unlabelled(source):
    examples = list(load_unlabelled(source, OPTIONS))
    assert [(each.name, each.label, each.text) for each in examples] == [
        ("train/unsup/0_0.txt", None, "Somebody filmed this."),
        ("train/unsup/1_0.txt", None, "It lasts two hours."),
    ]


def test_test_members_are_never_opened_for_train(folder, monkeypatch):
    opened = []
    original = Path.open

    def spy(self, *args, **kwargs):
        opened.append(str(self))
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", spy)
    assert len(list(read_examples(str(folder), OPTIONS, frozenset({"train"})))) == 8
    assert sum("train/pos/" in path for path in opened) == 4
    assert not [path for path in opened if "/test/" in path]


def test_test_text_that_cannot_be_read_does_not_matter_to_train(tmp_path):
    members = {**layout(), "test/pos/0_10.txt": b"\xff\xff"}
    path = write_archive(tmp_path / "a.tgz", members)
    assert len(list(read_examples(str(path), OPTIONS, frozenset({"train"})))) == 8
    with pytest.raises(DataError, match=r"^a\.tgz: test/pos/0_10\.txt: byte 0xff at offset 0"):
        list(read_examples(str(path), OPTIONS))


@pytest.mark.parametrize("prefix", ["", "./", "aclImdb/", "./aclImdb/"])
@pytest.mark.parametrize("first", ["lists", "reviews"])
def test_prefixes_and_lists_before_or_after_the_reviews(tmp_path, prefix, first, folder):
    ordered = sorted(layout().items(), key=lambda item: ("urls" in item[0]) == (first == "reviews"))
    path = write_archive(tmp_path / "a.tar.gz", [(prefix + name, text) for name, text in ordered])
    assert list(read_examples(str(path), OPTIONS)) == list(read_examples(str(folder), OPTIONS))


def test_without_lists_of_films_there_are_no_groups(tmp_path):
    members = {name: text for name, text in layout().items() if "urls" not in name}
    path = write_archive(tmp_path / "a.tar.gz", members)
    assert {each.group for each in read_examples(str(path), OPTIONS)} == {None}


def test_a_short_or_odd_list_of_films(tmp_path):
    lists = {"train/urls_pos.txt": b"no address\n\n", "train/urls_neg.txt": b"\xff\xfe tt5 \n"}
    path = write_archive(tmp_path / "a.tar.gz", {**layout(), **lists})
    films = {each.name: each.group for each in read_examples(str(path), OPTIONS)}
    assert films["train/pos/0_9.txt"] == "no address"
    assert films["train/pos/1_8.txt"] is None
    assert films["train/pos/10_10.txt"] is None
    assert films["train/neg/0_3.txt"] == "tt5"


def test_other_members_are_passed_over(tmp_path, folder):
    others = {
        "train/labeledBow.feat": b"9 0:9\n",
        "README": b"hello",
        "train/pos/._0_9.txt": b"\x00\x05",
        "train/pos/01_9.txt": b"leading zero",
        "train/pos/0_9.txt.bak": b"copy",
        "test/unsup/0_0.txt": b"unknown part",
        "train/pos/deeper/0_9.txt": b"too deep",
        "x/train/pos/3_9.txt": b"another root",
    }
    path = write_archive(tmp_path / "a.tar.gz", {**others, **layout()})
    assert list(read_examples(str(path), OPTIONS)) == list(read_examples(str(folder), OPTIONS))
    for name, content in others.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert list(read_examples(str(path), OPTIONS)) == list(read_examples(str(folder), OPTIONS))


def test_a_pipe_in_the_folder_does_not_block(folder):
    os.mkfifo(folder / "train" / "pos" / "77_9.txt")
    assert len(list(read_examples(str(folder), OPTIONS))) == 10


def test_encoding_is_used(folder):
    (folder / "train" / "pos" / "0_9.txt").write_bytes("café".encode("cp1252"))
    with pytest.raises(DataError, match=r"train/pos/0_9\.txt: byte 0xe9 at offset 3.*cp1252"):
        list(read_examples(str(folder), OPTIONS))
    read = {
        each.name: each.text
        for each in read_examples(str(folder), SourceOptions(encoding="cp1252"))
    }
    assert read["train/pos/0_9.txt"] == "café"
    with pytest.raises(DataError, match="unknown encoding 'klingon'"):
        list(read_examples(str(folder), SourceOptions(encoding="klingon")))


def test_flawed_reviews(folder, monkeypatch):
    path = folder / "train" / "pos" / "0_9.txt"
    path.write_bytes(b"a\0b")
    with pytest.raises(DataError, match=r"0_9\.txt holds a NUL"):
        list(read_examples(str(folder), OPTIONS))
    path.write_bytes(b"x" * (10 * 2**20 + 1))
    with pytest.raises(DataError, match=r"0_9\.txt is longer than 10,485,760 bytes"):
        list(read_examples(str(folder), OPTIONS))


def test_no_reviews(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="holds no reviews in the aclImdb layout"):
        list(read_examples(str(tmp_path), OPTIONS))
    path = write_archive(tmp_path / "a.tar.gz", {"train/pos/readme.txt": b"hi"})
    with pytest.raises(DataError, match="holds no reviews in the aclImdb layout"):
        list(read_examples(str(path), OPTIONS))


def _with(tmp_path, name, kind=tarfile.REGTYPE, linkname="", **header):
    """The tiny archive with one more, hostile member at its end."""
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
        for each, content in layout().items():
            info = tarfile.TarInfo(each)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, linkname
        for field, value in header.items():
            setattr(info, field, value)
        archive.addfile(info)
    return path


HOSTILE = {
    "absolute": ("/etc/passwd", {}, "'/etc/passwd' leads out of the archive"),
    "parent": ("../../x", {}, "'../../x' leads out of the archive"),
    "parent inside": (
        "train/pos/../../../x",
        {},
        "'train/pos/../../../x' leads out of the archive",
    ),
    "symbolic link": (
        "train/pos/5_9.txt",
        {"kind": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        "'train/pos/5_9.txt' is a symbolic link",
    ),
    "hard link": (
        "train/pos/5_9.txt",
        {"kind": tarfile.LNKTYPE, "linkname": "train/pos/0_9.txt"},
        "'train/pos/5_9.txt' is a hard link",
    ),
    "character device": ("zero", {"kind": tarfile.CHRTYPE}, "'zero' is a device"),
    "block device": ("disk", {"kind": tarfile.BLKTYPE}, "'disk' is a device"),
    "pipe": ("pipe", {"kind": tarfile.FIFOTYPE}, "'pipe' is a pipe"),
    "contiguous": ("c", {"kind": tarfile.CONTTYPE}, "'c' is no ordinary file"),
    "sparse": ("s", {"kind": tarfile.GNUTYPE_SPARSE}, "'s' is no ordinary file"),
    "long name": ("a" * 200, {}, "is a name of over 100 characters"),
    "long link": (
        "l",
        {"kind": tarfile.SYMTYPE, "linkname": "b" * 200},
        "is a link to a name of over 100 characters",
    ),
}


@pytest.mark.parametrize(("name", "header", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_members_are_refused_by_name(tmp_path, name, header, message):
    path = _with(tmp_path, name, **header)
    with pytest.raises(DataError) as caught:
        list(read_examples(str(path), OPTIONS))
    assert str(caught.value).startswith("evil.tar.gz: member ")
    assert message in str(caught.value)


def _block(name, size_field, kind=b"0"):
    """A header block with any size field, its checksum right."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)[:512])
    block[124:136] = size_field
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _raw(tmp_path, *blocks):
    path = tmp_path / "raw.tar.gz"
    path.write_bytes(gzip.compress(b"".join(blocks)))
    return path


def test_sizes_that_lie(tmp_path):
    negative = b"\xff" * 12
    with pytest.raises(DataError, match=r"member 'a' has a negative size"):
        list(read_examples(str(_raw(tmp_path, _block("a", negative))), OPTIONS))
    enormous = b"\x80" + b"\xff" * 11
    with pytest.raises(DataError, match=r"unpacks to more than 4,294,967,296 bytes"):
        list(read_examples(str(_raw(tmp_path, _block("a", enormous))), OPTIONS))
    large = b"00100000000\0"  # 16 MiB
    with pytest.raises(DataError, match=r"'train/pos/0_9.txt' has 16,777,216 bytes, more than"):
        list(read_examples(str(_raw(tmp_path, _block("train/pos/0_9.txt", large))), OPTIONS))
    with pytest.raises(DataError, match="ends within a member"):
        list(read_examples(str(_raw(tmp_path, _block("a", large), b"x" * 512)), OPTIONS))


def _pax(tmp_path, headers):
    path = tmp_path / "pax.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, content in layout().items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.pax_headers = headers
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def test_extended_headers_may_add_times_but_not_names_or_sizes(tmp_path, folder):
    harmless = _pax(tmp_path, {"mtime": "1308873600.25", "comment": "hello"})
    assert list(read_examples(harmless, OPTIONS)) == list(read_examples(str(folder), OPTIONS))
    for headers in ({"path": "../../evil"}, {"size": "99999999999"}, {"linkpath": "/etc/passwd"}):
        with pytest.raises(DataError, match="renames or resizes a member"):
            list(read_examples(_pax(tmp_path, headers), OPTIONS))
    with pytest.raises(DataError, match="renames or resizes a member"):
        list(read_examples(_pax(tmp_path, {"comment": "x" * 100_000}), OPTIONS))


def test_a_review_or_list_that_stands_twice(tmp_path):
    members = [*layout().items(), ("aclImdb/train/pos/0_9.txt", b"another")]
    path = write_archive(tmp_path / "a.tar.gz", members)
    with pytest.raises(DataError, match=r"member 'aclImdb/train/pos/0_9.txt' stands twice"):
        list(read_examples(str(path), OPTIONS))
    members = [*layout().items(), ("./train/urls_pos.txt", b"tt1")]
    path = write_archive(tmp_path / "b.tar.gz", members)
    with pytest.raises(DataError, match=r"member './train/urls_pos.txt' stands twice"):
        list(read_examples(str(path), OPTIONS))


def test_limits_on_members_and_bytes(archive):
    def read(**limits):
        selection = Selection(frozenset({"train"}))
        return list(read_archive(archive, OPTIONS, selection, Limits(**limits)))

    assert len(read(members=16, size=20_480)) == 8
    with pytest.raises(DataError, match=r"^tiny\.tar\.gz has more than 15 members"):
        read(members=15)
    with pytest.raises(DataError, match=r"^tiny\.tar\.gz unpacks to more than 16,384 bytes"):
        read(size=16_384)


def test_what_follows_the_end_of_the_archive_counts_too(tmp_path):
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(gzip.compress(b"\0" * 3_000_000))
    with pytest.raises(DataError, match="unpacks to more than 2,000,000 bytes"):
        list(read_archive(path, OPTIONS, Selection(frozenset()), Limits(size=2_000_000)))


@pytest.mark.parametrize("keep", [5, 60, 400, -9, -4])
def test_a_cut_archive_is_damaged(archive, keep):
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"tiny\.tar\.gz is damaged or cut short"):
        list(read_examples(str(archive), OPTIONS))


def test_a_changed_byte_is_noticed(archive):
    content = bytearray(archive.read_bytes())
    content[-6] ^= 1  # in the checksum that ends a gzip file
    archive.write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        list(read_examples(str(archive), OPTIONS))


@pytest.mark.parametrize("content", [b"", b"plain text", gzip.compress(b"text,label\na,1\n" * 99)])
def test_what_is_no_archive(tmp_path, content):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tar\.gz"):
        list(read_examples(str(path), OPTIONS))


@given(
    place=st.integers(0, 511),
    value=st.integers(0, 255),
    tail=st.binary(max_size=600),
)
@settings(max_examples=200, deadline=None)
def test_any_header_gives_reviews_or_one_clear_error(tmp_path_factory, place, value, tail):
    block = bytearray(_block("train/pos/0_9.txt", b"00000000004\0"))
    block[place] = value
    if not 148 <= place < 156:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    path = _raw(tmp_path_factory.mktemp("fuzz"), bytes(block), tail)
    examples, message = outcome(lambda: list(read_examples(str(path), OPTIONS)))
    assert "\n" not in message
    assert message or len(examples) == 1
