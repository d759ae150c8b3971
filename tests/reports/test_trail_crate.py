"""The crate of a run: every part of the record is in it, it is the same each time, and the community's tools accept it.

The last tests need two packages for development, both Apache-2.0: `pip install rocrate roc-validator`. Without them
they are skipped. They need no network: the JSON-LD context that the validator asks for is taken from `rocrate`.
"""

import hashlib
import json
import math
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.reports.run import run_report
from finlab.reports.trail.archive import pack_crate
from finlab.reports.trail.crate import (
    CRATE,
    METADATA,
    NO_LICENCE,
    WORKFLOW_CRATE,
    crate_as_json,
    crate_name,
    crate_of,
    name_by_hash,
)

PAGE = b"<html><body>0.93</body></html>"
RECORD = {
    "report": "forecast",
    "status": "complete",
    "message": "",
    "parameters": {"horizon": 12, "level": 0.8, "series": ["a", "b"], "lang": "en", "deep": None, "fast": True},
    "given": ["horizon"],
    "results": {
        "mase": {"value": 0.93, "unit": "", "note": "against naive"},
        "next": {"value": 1200.0, "unit": "CNY", "note": ""},
        "rows": {"value": [{"month": "2026-04", "value": 1}], "unit": "", "note": ""},
        "nothing": {"value": None, "unit": "", "note": ""},
    },
    "reads": [
        {"name": "sales", "uri": "file:///d/sales.csv", "sha256": "ab" * 32, "rows": 120, "as_of": "2026-03-31"},
        {"name": "costs", "uri": "file:///d/sales.csv", "sha256": "ab" * 32, "rows": 9, "as_of": None},
        {"name": "rates", "uri": "postgresql://u:secret@h/db", "sha256": "cd" * 32, "rows": 3},
        {"name": "kept", "uri": "file:///d/k.csv", "sha256": "ef" * 32, "rows": 3, "loaded_at": "2026-01-01"},
        {"name": "airline", "uri": "sample:airline", "sha256": "12" * 32, "rows": 144},
    ],
    "notebook": {"path": "forecast.ipynb", "place": "forecast", "sha256": "34" * 32},
    "versions": {"finlab": "0.1.0", "python": "3.11.2", "numpy": "2.3.1", "scikit-learn": "1.7"},
    "git": {"commit": "56" * 20, "dirty": True},
    "started": "2026-04-02T07:00:00+00:00",
    "ended": "2026-04-02T07:00:06+00:00",
    "seconds": 6.2,
    "seed": 7,
    "user": "Ann Lee",
}
FAILED = RECORD | {"status": "failed", "message": "cell 3: KeyError: 'revenue'", "results": {}}
FILES = {"forecast.html": PAGE, "forecast.table 1.csv": b"a,b\n1,2\n"}


def parts(record=RECORD, files=FILES):
    return {entity["@id"]: entity for entity in crate_of(record, files)["@graph"]}


def one(kind, **how):
    (found,) = [entity for entity in parts(**how).values() if entity["@type"] == kind]
    return found


def references(value):
    """Every {"@id": ...} within an entity."""
    if isinstance(value, dict):
        return [value["@id"]] if set(value) == {"@id"} else [r for part in value.values() for r in references(part)]
    return [r for part in value for r in references(part)] if isinstance(value, list) else []


def test_the_file_names_itself_and_what_it_conforms_to():
    entities = parts()
    assert entities[METADATA]["about"] == {"@id": "./"}
    assert entities[METADATA]["conformsTo"] == [{"@id": CRATE}, {"@id": WORKFLOW_CRATE}]
    assert entities["./"]["conformsTo"][1] == {"@id": "https://w3id.org/ro/wfrun/workflow/0.5"}
    assert entities["./"]["license"] == NO_LICENCE


def test_the_run_is_an_action_with_everything_that_went_in_and_came_out():
    entities, action = parts(), one("CreateAction")
    objects = [entities[each["@id"]]["name"] for each in action["object"]]
    assert objects == ["sales", "rates", "kept", "airline", *RECORD["parameters"], "seed"]
    made = [entities[each["@id"]]["name"] for each in action["result"]]
    assert made == [*FILES, "forecast.json", *RECORD["results"]]
    assert (action["startTime"], action["endTime"]) == (RECORD["started"], RECORD["ended"])
    assert action["actionStatus"].endswith("/CompletedActionStatus") and "error" not in action
    assert entities[action["agent"]["@id"]]["name"] == "Ann Lee"
    assert entities[action["instrument"]["@id"]] == entities[entities["./"]["mainEntity"]["@id"]]


def test_a_failed_run_says_so_and_why():
    action = one("CreateAction", record=FAILED, files={"forecast.failed.html": PAGE})
    assert action["actionStatus"].endswith("/FailedActionStatus") and action["error"] == FAILED["message"]


def test_files_have_their_hash_size_and_format():
    file = parts()["forecast.table%201.csv"]
    assert file["sha256"] == hashlib.sha256(FILES["forecast.table 1.csv"]).hexdigest()
    assert file["contentSize"] == "8" and file["encodingFormat"] == "text/csv"


def test_a_file_may_be_given_by_its_path(tmp_path):
    path = tmp_path / "forecast.html"
    path.write_bytes(PAGE)
    assert crate_of(RECORD, FILES | {"forecast.html": path}) == crate_of(RECORD, FILES)
    with pytest.raises(InputError, match=r"^file is .*a file that can be read"):
        crate_of(RECORD, {"a.html": tmp_path / "nowhere.html"})


def test_the_record_is_listed_without_a_hash_because_it_holds_this_ones():
    assert "sha256" not in parts()["forecast.json"]
    assert "forecast.failed.json" in parts(FAILED, {"forecast.failed.html": PAGE})


def test_inputs_keep_hash_day_and_all_their_names_and_no_password():
    entities = parts()
    sales = entities["file:///d/sales.csv"]
    assert sales["@type"] == "File" and sales["alternateName"] == "costs" and sales["sha256"] == "ab" * 32
    assert sales["temporalCoverage"] == "../2026-03-31" and sales["description"] == "120 rows"
    others = [each for each in entities.values() if each["@type"] == "CreativeWork" and "#input" in each["@id"]]
    assert [each["url"] for each in others] == ["postgresql://u:***@h/db", "file:///d/k.csv", "sample:airline"]
    assert "secret" not in json.dumps(entities)


def test_a_password_in_a_parameter_or_a_message_is_masked():
    record = FAILED | {"parameters": {"source": "mysql://u:secret@h/db"}, "message": "no mysql://u:secret@h/db"}
    assert "secret" not in crate_as_json(record, FILES).decode()


def test_parameters_have_a_slot_with_their_type_and_a_value():
    entities = parts()
    kinds = {each["name"]: each["additionalType"] for each in entities.values() if each["@type"] == "FormalParameter"}
    assert kinds == {
        "horizon": "Integer",
        "level": "Float",
        "series": "Text",
        "lang": "Text",
        "deep": "Text",
        "fast": "Boolean",
    }
    value = entities["#value-horizon"]
    assert value["value"] == 12 and entities[value["exampleOfWork"]["@id"]]["workExample"] == {"@id": value["@id"]}
    assert entities["#parameter-series"]["multipleValues"] == "True"


def test_results_have_their_unit_and_tables_are_texts():
    entities = parts()
    assert entities["#result-next"]["unitText"] == "CNY" and entities["#result-next"]["value"] == 1200.0
    assert json.loads(entities["#result-rows"]["value"]) == [{"month": "2026-04", "value": 1}]
    assert entities["#result-nothing"]["value"] == "null"


def test_the_notebook_is_named_by_its_content():
    assert parts()["forecast.ipynb"]["identifier"] == name_by_hash("34" * 32)
    with pytest.raises(InputError, match=r"^sha256 is 'xy'"):
        name_by_hash("xy")


def test_the_same_record_gives_the_same_bytes_and_another_run_another_name():
    assert crate_as_json(RECORD, FILES) == crate_as_json(json.loads(json.dumps(RECORD)), dict(FILES))
    again = RECORD | {"started": "2026-04-02T07:00:01+00:00"}
    assert one("CreateAction", record=again)["@id"] != one("CreateAction")["@id"]


def test_a_record_as_the_run_holds_it_gives_the_help_texts_too():
    listed = RECORD | {"parameters": [{"name": "horizon", "value": 12, "given": True, "help": "steps ahead"}]}
    assert parts(listed)["#parameter-horizon"]["description"] == "steps ahead"


@pytest.mark.parametrize("key", [key for key in RECORD if key not in ("report", "status", "results")])
def test_an_old_record_that_lacks_something_still_has_a_crate(key):
    check_whole(crate_of({name: value for name, value in RECORD.items() if name != key}, FILES))


@pytest.mark.parametrize("wrong", [{}, {"report": "a"}, {"report": "a", "status": "b", "results": 1}])
def test_what_is_no_record_is_refused(wrong):
    with pytest.raises(InputError, match=r"is not the record of a report"):
        crate_of(wrong, {})


def check_whole(crate):
    """What must hold for every crate: one entity a name, no nesting, every reference there, parts that exist."""
    entities = crate["@graph"]
    names = [entity["@id"] for entity in entities]
    assert len(names) == len(set(names))
    outside = {name for entity in entities for name in references(entity)} - set(names)
    assert all(name.startswith((CRATE, "https://bioschemas.org/profiles/")) for name in outside)
    for entity in entities:
        nested = [value for key, value in entity.items() if isinstance(value, dict) and set(value) != {"@id"}]
        assert not nested and all(value != [] for value in entity.values() if value != entity.get("hasPart"))


NAMES = st.text(min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4), NAMES)
def test_any_names_and_values_give_a_whole_crate_that_is_strict_json(parameters, results, user):
    found = {name: {"value": value, "unit": ""} for name, value in results.items()}
    record = RECORD | {"parameters": parameters, "results": found, "user": user}
    text = crate_as_json(record, FILES).decode("utf-8", "replace")
    check_whole(json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")))


def test_missing_numbers_are_null():
    record = RECORD | {"results": {"x": {"value": math.nan, "unit": ""}}}
    assert parts(record)["#result-x"]["value"] == "null"


# --- judged by others

ADVICE = (  # advice (SHOULD) that a report cannot follow; none of it is a MUST
    "process-run-crate-0.5_3.2",  # an address on the web: finlab and the notebook may have none
    "process-run-crate-0.5_5.1",  # an absolute name: the notebook is named as the file that lies in the crate
    "workflow-ro-crate-1.0_6.",  # a README
    "ro-crate-1.1_22.1",  # a licence with an address: none was stated
    "ro-crate-1.1_22.2",  # an author with an affiliation: only who ran it is known
    "ro-crate-1.1_22.3",  # a publisher
    "ro-crate-1.1_25.1",  # an input that can be fetched over the web: it is a file of this machine
)


def unpacked(folder: Path, record, files) -> Path:
    """A crate's folder as a person would make it: the page, the files, the record, and the crate's file renamed."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    page = next(name for name in files if name.endswith(".html"))
    (folder / page).with_suffix(".json").write_text(json.dumps(record))
    (folder / "forecast.ipynb").write_text("{}")
    (folder / METADATA).write_bytes(crate_as_json(record, files))
    return folder


CASES = pytest.mark.parametrize(
    ("record", "files"),
    [(RECORD, FILES), (FAILED, {"forecast.failed.html": PAGE}), (RECORD | {"reads": [], "parameters": {}}, FILES)],
    ids=["complete", "failed", "no inputs"],
)


@CASES
def test_the_reader_of_the_community_reads_it_back(tmp_path, record, files):
    rocrate = pytest.importorskip("rocrate.rocrate", reason="needs the package rocrate (for development)")
    crate = rocrate.ROCrate(unpacked(tmp_path, record, files))
    assert crate.mainEntity["name"] == "forecast.ipynb"
    assert {unquote(part.id) for part in crate.root_dataset["hasPart"]} >= set(files)
    action = crate.root_dataset["mentions"]
    assert action.type == "CreateAction" and action["instrument"] == crate.mainEntity
    found = {each["name"]: each["value"] for each in action["result"] if each.type == "PropertyValue"}
    assert found.get("mase") == record["results"].get("mase", {}).get("value")


@pytest.fixture
def no_network(monkeypatch):
    """The contexts that the validator asks for, from the copy in `rocrate` with the addresses of version 1.1."""
    http = pytest.importorskip("rocrate_validator.utils.http", reason="needs the package roc-validator")
    data = pytest.importorskip("rocrate", reason="needs the package rocrate").__file__
    context = json.loads((Path(data).parent / "data" / "ro-crate.jsonld").read_text())["@context"]
    old = {name: f"https://bioschemas.org/{name}" for name in ("ComputationalWorkflow", "FormalParameter")}
    old |= {name: f"https://bioschemas.org/ComputationalWorkflow#{name}" for name in ("input", "output")}
    terms = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
    known = {"https://w3id.org/ro/crate/1.1/context": context | old}
    known["https://w3id.org/ro/terms/workflow-run/context"] = terms

    class Answer:
        def __init__(self, url):
            self.headers = {"Content-Type": "application/ld+json"}
            self.status_code = 200 if url in known else 404
            self.text = json.dumps({"@context": known.get(url, {})})

        def json(self):
            return json.loads(self.text)

    answer = lambda self, url, **_: Answer(str(url))  # noqa: E731
    for name in ("get", "head"):
        monkeypatch.setattr(http.HttpRequester, name, answer, raising=False)


@CASES
@pytest.mark.parametrize("severity", ["REQUIRED", "RECOMMENDED"])
def test_the_validator_of_the_community_finds_no_rule_broken(tmp_path, no_network, record, files, severity):
    services = pytest.importorskip("rocrate_validator.services")
    folder = unpacked(tmp_path, record, files)
    how = {
        "rocrate_uri": str(folder),
        "profile_identifier": "workflow-run-crate",
        "requirement_severity": severity,
        "skip_availability_check": True,
    }
    result = services.validate(how)
    broken = {f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()}
    assert sorted(told for told in broken if not told.startswith(ADVICE)) == []


def test_the_validator_notices_a_broken_crate(tmp_path, no_network):
    services = pytest.importorskip("rocrate_validator.services")
    folder = unpacked(tmp_path, RECORD, FILES)
    crate = json.loads((folder / METADATA).read_text())
    for entity in crate["@graph"]:
        entity.pop("instrument", None)
    (folder / METADATA).write_text(json.dumps(crate))
    result = services.validate({"rocrate_uri": str(folder), "profile_identifier": "workflow-run-crate"})
    assert any("instrument" in str(issue.message) for issue in result.get_issues())


def test_the_name_of_the_file_says_which_page_it_belongs_to():
    assert crate_name("reports/forecast--1a.html") == "forecast--1a-ro-crate-metadata.json"


# --- packed as one file


@pytest.fixture
def made(workbench):
    """A report as a run leaves it: page, table, record and notebook."""
    (workbench / "small.ipynb").write_text("{}")
    files = {"small.html": PAGE, "small.table.csv": b"a,b\n"}
    for name, content in files.items():
        (workbench / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    about = {"path": "small.ipynb", "place": "small.ipynb", "sha256": hashlib.sha256(b"{}").hexdigest()}
    record = RECORD | {"report": "small", "notebook": about, "files": ["small.table.csv"], "files_sha256": hashes}
    (workbench / "small.json").write_text(json.dumps(record))
    return workbench / "small.html"


def test_an_archive_holds_everything_that_it_describes(made):
    with zipfile.ZipFile(pack_crate(made)) as archive:
        crate = json.loads(archive.read(METADATA))
        names = archive.namelist()
        described = {unquote(one["@id"]): one for one in crate["@graph"]}
        for name in names[1:]:
            assert described[name].get("sha256") in (hashlib.sha256(archive.read(name)).hexdigest(), None)
    assert names == [METADATA, "small.html", "small.table.csv", "small.json", "small.ipynb"]
    parts = [one["@id"] for one in described["./"]["hasPart"] if not one["@id"].startswith("file:")]
    assert sorted(parts) == sorted(names[1:])


def test_the_same_report_gives_the_same_archive_and_nothing_is_replaced(made, tmp_path):
    first, second = pack_crate(made), pack_crate("small.json", tmp_path / "other.zip")
    assert first.name == "small.crate.zip" and first.read_bytes() == second.read_bytes()
    with pytest.raises(InputError, match=r"^target is .*a path at which nothing lies yet"):
        pack_crate(made)


@pytest.mark.parametrize("name", ["small.html", "small.table.csv", "small.ipynb"])
def test_a_file_that_changed_or_is_gone_is_not_packed(made, name):
    made.with_name(name).write_bytes(b"edited")
    with pytest.raises(InputError, match=rf"{name} is not what it was"):
        pack_crate(made)
    made.with_name(name).unlink()
    with pytest.raises(InputError, match=rf"{name} (cannot be read: No such file|is gone)"):
        pack_crate(made)
    assert not made.with_name("small.crate.zip").exists()


def test_a_record_cannot_make_the_archive_hold_a_file_of_another_folder(made):
    beside = made.with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | {"files": ["../../etc/passwd"]}))
    with pytest.raises(InputError, match=r"/passwd cannot be read"):
        pack_crate(made)


def test_the_community_accepts_the_archive_as_it_is(made, tmp_path, no_network):
    services = pytest.importorskip("rocrate_validator.services", reason="needs the package roc-validator")
    with zipfile.ZipFile(pack_crate(made)) as archive:
        archive.extractall(tmp_path / "unpacked")
    how = {"rocrate_uri": str(tmp_path / "unpacked"), "profile_identifier": "workflow-run-crate"}
    result = services.validate(how | {"requirement_severity": "REQUIRED"})
    assert [str(issue.message) for issue in result.get_issues()] == []


def test_the_community_accepts_a_report_that_was_really_run(workbench, tmp_path, no_network):
    services = pytest.importorskip("rocrate_validator.services", reason="needs the package roc-validator")
    page = run_report("forecast", {"source": "sample:airline", "horizon": 3}, output="airline.html").path
    beside = json.loads(page.with_name(crate_name(page)).read_text())
    with zipfile.ZipFile(pack_crate(page)) as archive:
        archive.extractall(tmp_path / "unpacked")
        packed = json.loads(archive.read(METADATA))
    assert [one["@id"] for one in beside["@graph"]] == [one["@id"] for one in packed["@graph"]]
    how = {"rocrate_uri": str(tmp_path / "unpacked"), "profile_identifier": "workflow-run-crate"}
    result = services.validate(how | {"requirement_severity": "REQUIRED"})
    assert [str(issue.message) for issue in result.get_issues()] == []
