"""What every template keeps to: the strict content security policy, and the house's words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import get_template, render_to_string

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
MODULES = sorted((ROOT / "static" / "js").glob("*.js"))
SHEETS = sorted((ROOT / "static" / "css").glob("*.css"))
ICONS = ROOT / "static" / "img" / "icons.svg"

FORBIDDEN = {
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)", re.I),
    "an inline style": re.compile(r"<style|\sstyle\s*=", re.I),
    "an event attribute": re.compile(r"\son[a-z]+\s*=", re.I),
    "hx-on": re.compile(r"hx-on", re.I),
    "a value that htmx evaluates": re.compile(r"[\"'](?:js|javascript):", re.I),
    "a trigger filter": re.compile(r"hx-trigger=\"[^\"]*\[", re.I),
    "an address of somebody else": re.compile(r"(?:src|href)=\"(?:https?:)?//", re.I),
    "unescaped text": re.compile(r"\|\s*safe\b|\{%\s*autoescape off"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_has_nothing_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text()
    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_a_template_compiles(path: Path) -> None:
    get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_posting_form_carries_the_token(path: Path) -> None:
    forms = re.findall(r"<form\b.*?</form>", path.read_text(), re.S)
    posting = [form for form in forms if re.search(r"method=\"post\"", form)]
    assert [form for form in posting if "{% csrf_token %}" not in form] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_the_words_are_calm(path: Path) -> None:
    text = re.sub(
        r"<!--.*?-->|<!DOCTYPE[^>]*>|\{#.*?#\}|\{%.*?%\}", "", path.read_text(), flags=re.S
    )
    words = re.sub(r"<[^>]*>|\{\{.*?\}\}", " ", text, flags=re.S)
    assert re.findall(r"!|\b(?:please|sorry|invalid|oops)\b", words, re.I) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_writes_no_markup_and_no_styles(path: Path) -> None:
    text = path.read_text()
    found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|\.style\b|cssText", text)
    assert found == []


@pytest.mark.parametrize("path", SHEETS, ids=name_of)
def test_a_style_sheet_loads_nothing_from_elsewhere(path: Path) -> None:
    addresses = re.findall(r"url\(\s*[\"']?([^\"')]+)", path.read_text())
    assert [address for address in addresses if re.match(r"data:|https?:|//", address)] == []


def test_the_icons_that_templates_name_exist() -> None:
    drawn = set(re.findall(r"<symbol id=\"([a-z]+)\"", ICONS.read_text()))
    named = {
        name
        for path in TEMPLATES
        for name in re.findall(r"\{%\s*icon [\"']([a-z]+)[\"']", path.read_text())
    }
    assert named <= drawn
    assert "today" in drawn


def test_htmx_is_told_to_evaluate_and_to_keep_nothing() -> None:
    page = render_to_string("house/_head.html")
    found = re.search(r"name=\"htmx-config\"\s+content='([^']*)'", page)
    assert found is not None
    config = json.loads(found.group(1))
    expected = {
        "includeIndicatorStyles": False,
        "allowEval": False,
        "allowScriptTags": False,
        "historyCacheSize": 0,
        "refreshOnHistoryMiss": True,
    }
    assert {key: config[key] for key in expected} == expected
    assert handling_of("409", config) == handling_of("422", config) == {"swap": True}
    assert handling_of("500", config) == {"swap": False, "error": True}


def handling_of(status: str, config: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    """What htmx does with a status: the first rule that matches wins."""
    rule = next(r for r in config["responseHandling"] if re.search(str(r["code"]), status))
    return {key: value for key, value in rule.items() if key != "code"}


def test_the_page_for_our_own_failure_needs_no_context() -> None:
    page = get_template("500.html").render()
    assert "Something broke on our side" in page


@pytest.mark.parametrize("status", ["400", "403", "404", "405", "429"])
def test_an_error_page_gives_the_reason_and_a_way_on(status: str) -> None:
    page = render_to_string(f"{status}.html", {"reason": "A reason <b>."})
    assert "A reason &lt;b&gt;." in page
    assert 'href="/"' in page


def test_the_files_of_a_first_load_stay_light() -> None:
    """ui.md's 200 KB are compressed; gzip at whitenoise's level is what is measured."""
    import gzip

    names = re.findall(r"/static/([^\"]+)", render_to_string("house/_head.html"))
    imported = [f"js/{path.name}" for path in MODULES]
    total = 0
    for name in {*names, *imported, "img/icons.svg"}:
        found = finders.find(name)
        assert isinstance(found, str), name
        total += len(gzip.compress(Path(found).read_bytes()))
    assert total < 100_000
