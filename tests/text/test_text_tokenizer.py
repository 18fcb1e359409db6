"""The tokenizer on words it was trained with and on text that tries to break it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from undertone.errors import ConfigError, DataError, ModelFolderError
from undertone.settings import TextConfig
from undertone.text.stored import StoredEncoder
from undertone.text.tokenizer import Encoded, TextEncoder

WORDS = ["good", "bad", "not", "don't", "i̇stanbul", "straße", "é", "cafe\u0301", "10", "!!!", "!"]
WORDS += [",", "&", '"', "😀", "it's", "ο", "κόσμος"]
CORPUS = [" ".join(WORDS)] * 2


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.train(CORPUS, TextConfig())


def words(encoder: TextEncoder, text: str) -> list[str]:
    return encoder.tokens(encoder.encode([text])[0].ids)


def pieces(encoder: TextEncoder, text: str) -> list[tuple[str, str]]:
    """Each token beside the part of the text it stands on."""
    encoded = encoder.encode([text], spans=True)[0]
    assert encoded.spans is not None
    places = [text[start:end] for start, end in encoded.spans]
    return list(zip(encoder.tokens(encoded.ids), places, strict=True))


def test_ids_are_by_frequency_then_code_point():
    encoder = TextEncoder.train(["b b b a c c d d", "rare"], TextConfig())
    assert encoder.tokens(range(encoder.size)) == ["[PAD]", "[UNK]", "b", "c", "d"]
    assert (encoder.PAD, encoder.UNK) == (0, 1)
    assert encoder.encode(["d a b"])[0].ids.tolist() == [4, 1, 2]


def test_the_vocabulary_has_a_limit_that_counts_the_special_tokens():
    texts = [" ".join(f"w{chr(97 + n)}" for n in range(20))] * 2
    assert TextEncoder.train(texts, TextConfig(vocabulary=16)).size == 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Not GOOD", ["not", "good"]),
        ("good<br /><br/>bad</p>", ["good", "bad"]),
        ("good<3 10>bad", ["good", "[UNK]", "[UNK]", "10", "[UNK]", "bad"]),
        ("Don\u2019t, don&#39;t, don\x92t", ["don't", ",", "don't", ",", "don't"]),
        ("good&nbsp;&amp;&quot;bad", ["good", "&", '"', "bad"]),
        ("good!!! bad!", ["good", "!!!", "bad", "!"]),
        ("10/10", ["10", "[UNK]", "10"]),
        ("'good' 'bad", ["[UNK]", "good", "[UNK]", "[UNK]", "bad"]),
        ("[PAD] [UNK]", ["[UNK]"] * 6),
        ("go\u00adod good\u200b", ["[UNK]", "[UNK]", "good"]),
        ("\0good\x07 \ud800", ["good", "[UNK]"]),
        (" \t\n\u00a0\u3000 <br />", []),
        ("", []),
    ],
)
def test_plain_cleaning(encoder: TextEncoder, text: str, expected: list[str]):
    assert words(encoder, text) == expected


def test_spans_are_characters_of_the_original_text(encoder: TextEncoder):
    text = "😀 İstanbul<br />Don\u2019t cafe\u0301 STRAßE don&#39;t \ud83d good"
    assert pieces(encoder, text) == [
        ("😀", "😀"),
        ("i̇stanbul", "İstanbul"),
        ("don't", "Don\u2019t"),
        ("cafe\u0301", "cafe\u0301"),
        ("straße", "STRAßE"),
        ("don't", "don&#39;t"),
        ("[UNK]", "\ud83d"),
        ("good", "good"),
    ]


APOSTROPHES = ["&rsquo;", "&apos;", "&#39;", "&#039;", "&#x27;", "&#8217;"]
SIGNS = {**dict.fromkeys(APOSTROPHES, "[UNK]"), "&quot;": '"', "&amp;": "&"}


@pytest.mark.parametrize(("entity", "token"), SIGNS.items(), ids=SIGNS)
def test_a_decoded_sign_stands_on_its_whole_entity(encoder: TextEncoder, entity: str, token: str):
    sign = (token, entity)
    assert pieces(encoder, entity) == [sign]
    assert pieces(encoder, f"good {entity} bad") == [("good", "good"), sign, ("bad", "bad")]
    assert pieces(encoder, f"😀&lt;{entity}{entity}!") == [("😀", "😀"), sign, sign, ("!", "!")]
    assert pieces(encoder, f"&amp;{entity[1:]} {entity}")[0] == ("&", "&amp;")
    assert pieces(encoder, f"&amp;{entity[1:]} {entity}")[-2:] == [("[UNK]", ";"), sign]


@pytest.mark.parametrize("entity", SIGNS)
def test_word_pieces_stand_on_whole_entities_too(entity: str):
    config = TextConfig(tokenizer="wordpiece", vocabulary=20)
    encoder = TextEncoder.train(["good & \" ' bad"] * 3, config)
    places = [place for _, place in pieces(encoder, f"good{entity}bad")]
    assert (places.count(entity), "".join(places)) == (1, f"good{entity}bad")


@pytest.mark.parametrize("entity", APOSTROPHES)
def test_an_entity_inside_a_word_belongs_to_the_word(encoder: TextEncoder, entity: str):
    assert pieces(encoder, f"Don{entity}t good") == [("don't", f"Don{entity}t"), ("good", "good")]


@pytest.mark.parametrize("text", ["&lt;good&gt;", "&nbsp;good&#160;", "<i a=&quot;x&quot;>good"])
def test_entities_that_are_cut_out_widen_nothing(encoder: TextEncoder, text: str):
    assert pieces(encoder, text) == [("good", "good")]


def test_decoding_stops_after_one_round(encoder: TextEncoder):
    assert pieces(encoder, "&amp;quot; &;") == [
        ("&", "&amp;"),
        ("[UNK]", "quot"),
        ("[UNK]", ";"),
        ("&", "&"),
        ("[UNK]", ";"),
    ]


def test_a_cut_text_has_whole_entities_too():
    encoder = TextEncoder.train(CORPUS, TextConfig(max_tokens=2, head=0.5))
    assert pieces(encoder, "&quot;good bad&quot;") == [('"', "&quot;"), ('"', "&quot;")]


def test_spans_are_left_out_unless_asked_for(encoder: TextEncoder):
    encoded = encoder.encode(["good bad"])[0]
    assert encoded == Encoded(encoded.ids, 2, None)
    assert encoded.ids.dtype == np.int32
    spans = encoder.encode(["good bad", ""], spans=True)
    assert [each.spans.tolist() for each in spans if each.spans is not None] == [
        [[0, 4], [5, 8]],
        [],
    ]
    assert [each.spans.shape for each in spans if each.spans is not None] == [(2, 2), (0, 2)]


Noise = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("<>/&;#'\u2019\u0301\u0307İßẞΣς😀👩‍🚀\0\ud800\udfff a"),
        st.characters(categories=["Mn", "Lo", "So", "Cf", "Cc", "Cs"]),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(Noise, st.sampled_from(WORDS).map(str.upper), st.sampled_from(WORDS))))
@example(["İ", "good", "\U00010400", "good"])
@example(["&amp;", "&quot;&#39;&amp;&apos;&", "&amp;quot;;", "&<br>quot;"])
@example(["&amp;", "<br", "good", ">", "\ud800", "bad"])
def test_known_words_stand_where_their_spans_say(encoder: TextEncoder, parts: list[str]):
    text = " ".join(parts)
    encoded = encoder.encode([text], spans=True, cut=False)[0]
    assert encoded.spans is not None
    end = 0
    for token, (start, stop) in zip(encoder.tokens(encoded.ids), encoded.spans, strict=True):
        assert end <= start < stop <= len(text)
        end = int(stop)
        if token not in ("[UNK]", '"', "&", "don't", "it's"):
            assert text[start:stop].lower() == token
    assert encoder.encode([text], cut=False)[0].ids.tolist() == encoded.ids.tolist()


@pytest.mark.parametrize("known", WORDS)
def test_a_known_word_is_found_among_others(encoder: TextEncoder, known: str):
    assert pieces(encoder, f"xx {known} yy")[1] == (known, known)


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (0.5, [0, 1, 2, 7, 8, 9]),
        (1.0, [0, 1, 2, 3, 4, 5]),
        (0.0, [4, 5, 6, 7, 8, 9]),
        (0.8, [0, 1, 2, 3, 4, 9]),
    ],
)
def test_a_long_text_keeps_its_head_and_tail(head: float, kept: list[int]):
    letters = "abcdefghij"
    encoder = TextEncoder.train([" ".join(letters)] * 2, TextConfig(max_tokens=6, head=head))
    encoded = encoder.encode([" ".join(letters)], spans=True)[0]
    assert encoder.tokens(encoded.ids) == [letters[index] for index in kept]
    assert encoded.spans is not None
    assert encoded.spans[:, 0].tolist() == [2 * index for index in kept]
    assert encoded.total == 10
    whole = encoder.encode([" ".join(letters)], cut=False)[0]
    first, last = encoder.kept(whole.ids)
    assert (first + last, first) == (6, kept.index(9) + 1 - last if last else 6)
    assert len(whole.ids) == whole.total == 10
    assert encoder.encode(["a b c d e f"])[0].total == 6
    assert encoder.kept(whole.ids[:6]) == (6, 0)


def test_many_texts_keep_their_order(encoder: TextEncoder):
    texts = ["good" if index % 3 else "bad bad" for index in range(1100)]
    one_by_one = [words(encoder, text) for text in texts[:4]]
    together = [encoder.tokens(each.ids) for each in encoder.encode(texts)]
    assert together[:4] == one_by_one
    assert together == [["good"] if index % 3 else ["bad", "bad"] for index in range(1100)]
    assert encoder.encode([]) == []


@pytest.mark.parametrize("wrong", [None, b"good", 3, ["good"], ("good", "bad")])
def test_something_else_than_text_is_named(encoder: TextEncoder, wrong: object):
    texts = ["good"] * 600
    texts[555] = wrong  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=rf"^text 555 is a {type(wrong).__name__}, not a string$"):
        encoder.encode(texts)


def test_one_text_instead_of_a_list_is_refused(encoder: TextEncoder):
    with pytest.raises(TypeError, match="takes a list of texts"):
        encoder.encode("good")


def test_save_and_load_give_the_same_tokens(encoder: TextEncoder, tmp_path: Path):
    path = tmp_path / "tokenizer.json"
    encoder.save(path)
    again = TextEncoder.load(path, TextConfig(max_tokens=3))
    text = "Don\u2019t <br /> cafe\u0301 good bad!!!"
    assert again.size == encoder.size
    assert words(again, text) == ["don't", "cafe\u0301", "!!!"]
    assert again.encode([text], cut=False)[0].ids.tolist() == encoder.encode([text])[0].ids.tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_threads_share_one_encoder(encoder: TextEncoder):
    found: list[list[str]] = []
    texts = ["good bad not " * 20] * 50

    def work() -> None:
        found.extend(encoder.tokens(each.ids) for each in encoder.encode(texts))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 200
    assert all(tokens == ["good", "bad", "not"] * 20 for tokens in found)


TIES = """
import sys
from pathlib import Path
from undertone.settings import TextConfig
from undertone.text.tokenizer import TextEncoder
letters = "abcdefghijklmnopqrstuvwxyz"
texts = [" ".join(a + b + c for c in letters) for a in letters for b in "klmxyz"]
for kind in ("word", "wordpiece"):
    config = TextConfig(tokenizer=kind, vocabulary=500, min_frequency=1)
    TextEncoder.train(texts, config).save(Path(sys.argv[1]) / kind)
"""


def test_training_twice_gives_the_same_bytes_though_all_words_tie(tmp_path: Path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        subprocess.run([sys.executable, "-c", TIES, str(folder)], check=True)
    for kind in ("word", "wordpiece"):
        first, second = ((folder / kind).read_bytes() for folder in folders)
        assert first == second
        assert len(json.loads(first)["model"]["vocab"]) == 500


def test_no_frequent_word_is_an_error():
    with pytest.raises(DataError, match="no word stands 2 times or more"):
        TextEncoder.train(["each word once"], TextConfig())
    with pytest.raises(DataError, match=r"lower text\.min_frequency"):
        TextEncoder.train([], TextConfig(tokenizer="wordpiece"))


def test_half_characters_in_training_texts_do_no_harm():
    encoder = TextEncoder.train(["good \ud800", "good \udfff"], TextConfig())
    assert encoder.tokens(range(encoder.size)) == ["[PAD]", "[UNK]", "good", "\ufffd"]


# Word pieces and the study's cleaning


@pytest.fixture
def study(tmp_path: Path) -> TextConfig:
    file = tmp_path / "stop.txt"
    file.write_text("the\nnot\nNo\ndon\nt\ncan't\ndidn\n\nthe\nthere\n", encoding="utf-8")
    return TextConfig(cleaning="study", stopwords=str(file), tokenizer="word", min_frequency=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The <b>film</b> did not work, NO!", ["film", "did", "work"]),
        ("Didn't don\u2019t CAN'T cannot", ["cannot"]),
        ("there theres notable snot not", ["theres", "notable", "snot"]),
        ("10/10 b2b; naïve\u0301", ["b", "b", "naïve\u0301"]),
        ("t\u0301 t", ["t\u0301"]),
        ("not no 42 ...", []),
    ],
)
def test_study_cleaning_deletes_what_the_study_deletes(
    study: TextConfig, text: str, expected: list[str]
):
    encoder = TextEncoder.train(
        ["film did work cannot theres notable snot b naïve\u0301 t\u0301"], study
    )
    assert words(encoder, text) == expected
    for token, place in pieces(encoder, text):
        assert place.lower() == token


def test_stop_words_live_in_the_saved_file(study: TextConfig, tmp_path: Path):
    TextEncoder.train(["good film"], study).save(tmp_path / "tokenizer.json")
    Path(study.stopwords).unlink()
    encoder = TextEncoder.load(tmp_path / "tokenizer.json", study)
    assert words(encoder, "Not the good film") == ["good", "film"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "holds no words"),
        (b"\n \n", "holds no words"),
        (b"the\n\xff\n", "is not UTF-8 .byte 4."),
        (b"--\n123\n", "holds no words"),
    ],
)
def test_a_stop_word_file_that_cannot_be_used(
    study: TextConfig, content: bytes | None, message: str
):
    path = Path(study.stopwords)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        TextEncoder.train(["good"], study)
    assert str(path) in str(caught.value)


def test_word_pieces_continue_with_hashes():
    texts = ["watch watching watched walk walking walked"] * 3
    encoder = TextEncoder.train(texts, TextConfig(tokenizer="wordpiece", vocabulary=60))
    tokens = encoder.tokens(range(encoder.size))
    assert tokens[:4] == ["[PAD]", "[UNK]", "##a", "##c"]
    assert len(set(tokens)) == len(tokens)
    assert pieces(encoder, "Walking watch!") == [
        ("walking", "Walking"),
        ("watch", "watch"),
        ("[UNK]", "!"),
    ]
    assert pieces(encoder, "Watchking walkch") == [
        ("watch", "Watch"),
        ("##k", "k"),
        ("##ing", "ing"),
        ("walk", "walk"),
        ("##ch", "ch"),
    ]
    assert words(encoder, "xyz") == ["[UNK]"]


def test_word_pieces_fill_the_vocabulary_exactly_whatever_the_alphabet():
    texts = ["".join(chr(0x4E00 + 7 * n + k) for k in range(5)) + " word" for n in range(300)]
    encoder = TextEncoder.train(
        texts, TextConfig(tokenizer="wordpiece", vocabulary=100, min_frequency=1)
    )
    assert encoder.size <= 100
    assert words(encoder, "word") == ["word"]


# Damaged files


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"null",
        b'{"version":"1.0","model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}',
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json"):
        TextEncoder.load(path, TextConfig())


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(ModelFolderError, match=r"cannot read .*No such file"):
        TextEncoder.load(tmp_path / "tokenizer.json", TextConfig())


@pytest.mark.parametrize(
    "change",
    [
        {"added_tokens": [{"id": 900, "content": "good", "special": True}]},
        {"padding": {"strategy": "BatchLongest", "direction": "Right", "pad_id": 0}},
        {"truncation": {"max_length": 2, "strategy": "LongestFirst", "stride": 0}},
        {"vocab": {"[PAD]": 1, "[UNK]": 0, "good": 2}},
        {"vocab": {"[PAD]": 0, "[UNK]": 1, "good": 7}},
    ],
)
def test_a_foreign_tokenizer_is_refused(
    encoder: TextEncoder, tmp_path: Path, change: dict[str, object]
):
    path = tmp_path / "tokenizer.json"
    encoder.save(path)
    content = msgspec.json.decode(path.read_bytes())
    complete = {
        "padding": {"pad_type_id": 0, "pad_to_multiple_of": None, "pad_token": "[PAD]"},
        "truncation": {"direction": "Right"},
    }
    for key, value in change.items():
        if key == "vocab":
            content["model"]["vocab"] = value
        elif key == "added_tokens":
            flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            content[key] = [{**flags, **value[0]}]  # type: ignore[index]
        else:
            content[key] = {**complete[key], **value}  # type: ignore[dict-item]
    path.write_bytes(msgspec.json.encode(content))
    with pytest.raises(ModelFolderError, match="is not a tokenizer of undertone"):
        TextEncoder.load(path, TextConfig())


def test_real_reviews_keep_every_word(shared_data: Path):
    import tarfile

    texts = []
    with tarfile.open(shared_data / "aclImdb_v1.tar.gz") as archive:
        for member in archive:
            if "/train/pos/" in member.name and member.isfile():
                stream = archive.extractfile(member)
                assert stream is not None
                texts.append(stream.read().decode())
            if len(texts) == 60:
                break
    encoder = TextEncoder.train(texts, TextConfig(min_frequency=1))
    for text in texts:
        found = pieces(encoder, text)
        assert "[UNK]" not in [token for token, _ in found[:100]]
        assert all(place.lower() == token for token, place in found)


CONTINUED = ["unlikely likely un"] * 3


@pytest.fixture(scope="module")
def split() -> TextEncoder:
    """Word pieces of which some words have several; reads no more than the words of a text."""
    config = TextConfig(tokenizer="wordpiece", vocabulary=80, max_tokens=6, head=1.0, cut="words")
    return TextEncoder.train([*CONTINUED, "a b c d e f g"], config)


def test_a_cut_at_words_loses_as_many_pieces_as_there_are_more(split: TextEncoder):
    text = "unkey likey un"
    whole, read = split.encode([text], cut=False)[0], split.encode([text], spans=True)[0]
    pieces = split.tokens(whole.ids)
    assert len(pieces) > 3
    assert sum(not each.startswith("##") for each in pieces) == 3
    assert split.tokens(read.ids) == pieces[:3]
    assert (read.total, len(read.spans)) == (len(pieces), 3)
    assert split.kept(whole.ids) == (3, 0)


def test_a_cut_at_words_leaves_whole_words_and_the_limit(split: TextEncoder):
    few, many, none = split.encode(["a b c", "a b c d e f g", ""])
    assert (len(few.ids), len(many.ids), len(none.ids)) == (3, 6, 0)


def test_a_cut_at_words_is_that_of_the_saved_and_the_stored_tokens(
    split: TextEncoder, tmp_path: Path
):
    texts = ["unkey likey un", "a b", "unkey unkey unkey"]
    expected = [each.ids.tolist() for each in split.encode(texts)]
    split.save(tmp_path / "tokenizer.json")
    config = TextConfig(tokenizer="wordpiece", max_tokens=6, head=1.0, cut="words")
    loaded = TextEncoder.load(tmp_path / "tokenizer.json", config)
    assert [each.ids.tolist() for each in loaded.encode(texts)] == expected
    ids = {
        each: found.ids for each, found in zip(texts, split.encode(texts, cut=False), strict=True)
    }
    stored = StoredEncoder(split.json(), config, ids)
    assert [each.ids.tolist() for each in stored.encode(texts)] == expected
