"""Outputs from messages: nbclient is the reference, on random conversations."""

from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

from finlab.reports.running.outputs import Outputs, Text

NAMES = st.sampled_from(["stdout", "stderr"])
STREAMS = st.tuples(st.just("stream"), st.fixed_dictionaries({"name": NAMES, "text": st.text(max_size=5)}))
BUNDLES = st.fixed_dictionaries({"text/plain": st.text(max_size=5)})
IDS = st.one_of(st.just({}), st.fixed_dictionaries({"display_id": st.sampled_from(["a", "b"])}))
SHOWN = st.fixed_dictionaries({"data": BUNDLES, "metadata": st.just({}), "transient": IDS})
MESSAGES = st.one_of(
    STREAMS,
    st.tuples(st.just("display_data"), SHOWN),
    st.tuples(st.just("update_display_data"), SHOWN),
    st.tuples(st.just("execute_result"), SHOWN.map(lambda shown: {**shown, "execution_count": 1})),
    st.tuples(st.just("clear_output"), st.fixed_dictionaries({"wait": st.booleans()})),
    st.tuples(
        st.just("error"),
        st.fixed_dictionaries({"ename": st.just("E"), "evalue": st.text(max_size=3), "traceback": st.just(["t"])}),
    ),
)


def joined(outputs: list[Any]) -> list[Any]:
    """Outputs in which streams of one name that follow each other are one, and empty ones are left out."""
    found: list[Any] = []
    for output in outputs:
        one = dict(output)
        if one["output_type"] == "stream" and found and found[-1].get("name") == one["name"]:
            found[-1]["text"] += one["text"]
        elif one["output_type"] != "stream" or one["text"]:
            found.append(one)
    return found


def as_nbclient(conversation: list[list[tuple[str, dict[str, Any]]]]) -> list[list[Any]]:
    cells = [nbformat.v4.new_code_cell("x") for _ in conversation]
    client = NotebookClient(nbformat.v4.new_notebook(cells=cells))
    client.reset_execution_trackers()
    for place, messages in enumerate(conversation):
        client.clear_before_next_output = False
        cells[place].metadata["execution"] = {}
        for kind, content in messages:
            whole = {"msg_type": kind, "content": content, "parent_header": {}, "header": {"msg_type": kind}}
            client.process_message(whole, cells[place], place)
    return [joined(cell.outputs) for cell in cells]


@given(st.lists(st.lists(MESSAGES, max_size=8), min_size=1, max_size=3))
def test_a_conversation_leaves_what_nbclient_leaves(conversation: list[Any]) -> None:
    cells: list[Any] = [{"outputs": []} for _ in conversation]
    told = Outputs(cells)
    for place, messages in enumerate(conversation):
        for kind, content in messages:
            told.hear(place, kind, content)
        told.end()
    assert [joined(cell["outputs"]) for cell in cells] == as_nbclient(conversation)


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(2, 40))
def test_a_long_text_keeps_its_beginning_and_its_end(parts: list[str], most: int) -> None:
    text, whole = Text(most), "".join(parts)
    for part in parts:
        text.add(part)
    half = most // 2
    if len(whole) <= 2 * half:
        assert str(text) == whole and text.left_out == 0
    else:
        note = f"\n… {len(whole) - 2 * half:,} characters left out …\n"
        assert str(text) == whole[:half] + note + whole[-half:]


def test_an_object_of_hundreds_of_megabytes_is_left_out_and_the_cell_says_so(monkeypatch: Any) -> None:
    monkeypatch.setattr("finlab.reports.running.outputs.MOST_DATA", 10)
    cells: list[Any] = [{"outputs": []}]
    told = Outputs(cells)
    told.hear(0, "display_data", {"data": {"text/html": "x" * 11}, "metadata": {}})
    told.end()
    assert cells[0]["outputs"][0]["name"] == "stderr" and "left out" in cells[0]["outputs"][0]["text"]
