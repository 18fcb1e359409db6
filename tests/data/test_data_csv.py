"""CSV and TSV: read strictly, flaws named by their row."""

from __future__ import annotations

import csv
import gzip
import io
import threading
import tracemalloc

import pytest
from datahelpers import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.data.origins import MAX_FIELD, Origin, RowSource
from undertone.data.readers.csv import _FieldLimit, open_csv
from undertone.data.rows import open_rows
from undertone.errors import DataError

# Whatever UTF-8 can say, but for NUL, which is refused, and surrogates, which it cannot say.
CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


def fields(path, **options):
    return [row.fields for row in open_rows(path, **options)]


def write(tmp_path, content, name="reviews.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_quotes_commas_and_line_ends_in_fields(tmp_path):
    path = write(tmp_path, 'review,label\n"Good, ""really""\nso.",1\r\nplain,0\n')
    rows = list(open_rows(path))
    assert [row.number for row in rows] == [1, 2]
    assert rows[0].fields == {"review": 'Good, "really"\nso.', "label": "1"}
    assert rows[1].fields == {"review": "plain", "label": "0"}


def test_tsv(tmp_path):
    path = write(tmp_path, 'label\ttext\n1\tso "so", fine\n', "a.tsv")
    assert fields(path) == [{"label": "1", "text": 'so "so", fine'}]


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), delimiter=st.sampled_from(",\t"))
@settings(max_examples=150, deadline=None)
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows, delimiter):
    output = io.StringIO(newline="")
    writer = csv.writer(output, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *rows])
    path = tmp_path_factory.mktemp("csv") / ("t.csv" if delimiter == "," else "t.tsv")
    path.write_bytes(output.getvalue().encode())
    assert [tuple(each.values()) for each in fields(path)] == rows


def test_a_blank_line_is_no_row_but_a_quoted_blank_is(tmp_path):
    assert fields(write(tmp_path, 'text\na\n\n""\nb\n')) == [
        {"text": "a"},
        {"text": ""},
        {"text": "b"},
    ]


def test_blank_lines_are_no_rows(tmp_path):
    path = write(tmp_path, "text,label\n\na,1\n\n\nb,0\n\n")
    assert [row.number for row in open_rows(path)] == [1, 2]


def test_byte_order_mark_is_dropped(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbftext,label\na,1\n")
    assert open_rows(path).columns == ("text", "label")


def test_utf16_is_read_when_named(tmp_path):
    path = write(tmp_path, 'text,label\n"naïve\nfilm",1\n'.encode("utf-16"))
    assert fields(path, encoding="utf-16") == [{"text": "naïve\nfilm", "label": "1"}]


def test_gzip_is_unpacked_on_the_way(tmp_path):
    path = write(tmp_path, gzip.compress(b"text,label\nfine,1\n"), "r.csv.gz")
    assert fields(path) == [{"text": "fine", "label": "1"}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", r"^r\.csv is empty", id="empty"),
        pytest.param(b"text,label,text\n", "names the column 'text' twice", id="double column"),
        pytest.param(
            b'text,label\na,1\n"b,0\nc,1\n' + b"d,0\n" * 9,
            r"^r\.csv row 2 \(line 3\) opens a quote that is not closed",
            id="quote never closed",
        ),
        pytest.param(
            b'text,label\n"a\nb",1\n"c"d,0\n',
            r"^r\.csv row 2 \(line 4\) opens a quote",
            id="text after a quote",
        ),
        pytest.param(
            b'text,label\na,1\n"b,0\nc,"d",1\n',
            r"^r\.csv row 2 \(line 3\) opens a quote",
            id="quote closed by a later one",
        ),
        pytest.param(
            b"text,label\na,1\nb,0,x\n",
            r"^r\.csv row 2 \(line 3\): the number of fields is 3, the header's 2",
            id="too many fields",
        ),
        pytest.param(
            b"text,label\na\n",
            r"^r\.csv row 1 \(line 2\): the number of fields is 1, the header's 2",
            id="too few fields",
        ),
        pytest.param(
            b"text,label\na,1\nb\0,0\n", r"^r\.csv row 2 \(line 3\) holds a NUL", id="NUL"
        ),
        pytest.param(
            b"text,label\na,1\ncaf\xe9,0\n",
            r"^r\.csv row 2 \(line 3\): byte 0xe9 at offset 18 is not valid utf-8\. .*"
            r"--encoding cp1252",
            id="wrong encoding",
        ),
        pytest.param(b"te\xe9xt,label\n", r"^r\.csv header \(line 1\): byte 0xe9", id="header"),
        pytest.param(
            "text,label\na,1\n".encode("utf-16"),
            r"byte order mark of UTF-16.*--encoding utf-16\.$",
            id="UTF-16",
        ),
        pytest.param(
            "text,label\na,1\n".encode("utf-32"), "--encoding utf-32", id="UTF-32, not UTF-16"
        ),
        pytest.param(b"text,label\ra,1\rb,0\r", "holds a bare carriage return", id="old Mac"),
    ],
)
def test_flaws_are_named(tmp_path, content, message):
    path = write(tmp_path, content, "r.csv")
    with pytest.raises(DataError, match=message) as caught:
        list(open_rows(path))
    assert "\n" not in str(caught.value)


def test_wrong_encoding_in_a_gzip_counts_unpacked_bytes(tmp_path):
    path = write(tmp_path, gzip.compress(b"text\nabc\nd\xff\n"), "r.csv.gz")
    with pytest.raises(DataError, match="byte 0xff at offset 10"):
        list(open_rows(path))


@pytest.mark.parametrize(
    ("encoding", "content", "message"),
    [
        ("klingon", b"text\na\n", "unknown encoding 'klingon'"),
        ("base64", b"text\na\n", "unknown encoding 'base64'"),
        ("cp1252", b"text\n\x81\n", r"not valid cp1252.*latin-1"),
        ("utf-16", b"\xff\xfet\x00\x00\xd8x\x00\n\x00", "cannot be read as utf-16"),
    ],
)
def test_named_encodings_that_do_not_fit(tmp_path, encoding, content, message):
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message):
        list(open_rows(path, encoding=encoding))


def test_huge_fields(tmp_path):
    before = csv.field_size_limit()
    path = write(tmp_path, b"text,label\n" + b"x" * MAX_FIELD + b",1\n")
    assert [len(each["text"]) for each in fields(path)] == [MAX_FIELD]
    path = write(tmp_path, b"text,label\na,1\n" + b"x" * (MAX_FIELD + 1) + b",1\n")
    with pytest.raises(DataError, match=r"row 2 \(line 3\) holds a field of more than 10,485,760"):
        list(open_rows(path))
    assert csv.field_size_limit() == before == 131_072


def test_the_field_limit_is_restored_between_rows(tmp_path):
    rows = iter(open_rows(write(tmp_path, "text,label\na,1\nb,0\n")))
    next(rows)
    assert csv.field_size_limit() == 131_072


def test_readers_in_two_threads_leave_the_field_limit_as_it_was():
    limit = _FieldLimit(1_000)
    inside, leave = threading.Event(), threading.Event()

    def read_slowly():
        with limit.raised():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=read_slowly)
    other.start()
    assert inside.wait(10)
    with limit.raised():
        assert csv.field_size_limit() == 1_000
    # The other thread is still within its record.
    assert csv.field_size_limit() == 1_000
    leave.set()
    other.join()
    assert csv.field_size_limit() == 131_072


def test_an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("undertone.data.lines.MAX_LINE", 1000)
    for content, encoding in ((b"x" * 5000, "utf-8"), (("x" * 5000).encode("utf-16"), "utf-16")):
        with pytest.raises(DataError, match=r"header \(line 1\) is longer than 1,000 bytes"):
            open_rows(write(tmp_path, content), encoding=encoding)


@pytest.mark.parametrize("cut", [12, 40, -4])
def test_a_cut_gzip_is_damaged(tmp_path, cut):
    whole = gzip.compress(b"text,label\n" + b"good film,1\nbad film,0\n" * 500)
    path = write(tmp_path, whole[:cut], "r.csv.gz")
    with pytest.raises(DataError, match="is damaged or cut short"):
        list(open_rows(path))


def test_a_file_that_is_no_gzip(tmp_path):
    with pytest.raises(DataError, match="is damaged"):
        open_rows(write(tmp_path, "text\na\n", "r.csv.gz"))


def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("w") as stream:
        stream.write("text,label\n")
        stream.writelines(f"{'word ' * 200}{n},1\n" for n in range(20_000))
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    count = sum(1 for _ in open_rows(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 2_000_000


def test_rows_are_taken_once(tmp_path):
    rows = open_rows(write(tmp_path, "text\na\n"))
    assert isinstance(rows, RowSource)
    assert len(list(rows)) == 1
    with pytest.raises(RuntimeError, match="can be read once"):
        iter(rows)


@given(content=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_rows_or_one_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "f.csv"
    path.write_bytes(content)

    def widths():
        source = open_csv(Origin(path))
        return {len(row.fields) for row in source} | {len(source.columns)}

    found, message = outcome(widths)
    assert "\n" not in message
    assert message or len(found) == 1
