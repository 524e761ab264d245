"""The HTML report: well formed, alone, with every name escaped, and each plot told in words as well."""

import re
import xml.etree.ElementTree as ET

import pytest

from spillover.backtest import backtest
from spillover.backtest.page import page
from tests.backtest.support import MAP, TRACE, folder

HOSTILE = '<script>alert("x")</script>&\u202e]]>'
REFERENCE = re.compile(
    r"https?:|//[a-z]|url\(|@import|<script|<link|<img|<iframe|<object|\ssrc=|\shref=", re.IGNORECASE
)


def report(where, **changes):
    folder(where, **changes)
    return page(backtest(where / "new.yaml", trace=where / "trace.csv", map=where / "map.yaml"))


def hostile(where):
    trace = TRACE.replace("ada,", '"' + HOSTILE.replace('"', '""') + '",')
    return report(where, trace=trace, map=MAP + "key: {template: '<b>{t}</b>'}\n")


@pytest.fixture(params=["plain", "hostile", "empty"])
def written(request, tmp_path):
    if request.param == "hostile":
        return hostile(tmp_path)
    return report(tmp_path, trace=TRACE if request.param == "plain" else "t,who,plan,n\n")


def test_the_page_is_well_formed(written):
    assert written.startswith("<!DOCTYPE html>")
    root = ET.fromstring(written)
    assert root.tag == "html"
    assert root.find(".//h1") is not None


def test_the_page_refers_to_nothing_outside_of_itself(written):
    assert not REFERENCE.search(written)
    assert "default-src &#x27;none&#x27;" in written


def test_every_plot_has_a_text_in_its_place(written):
    plots = list(ET.fromstring(written).iter("svg"))
    assert plots
    for plot in plots:
        assert plot.get("role") == "img"
        assert [child.tag for child in plot][:2] == ["title", "desc"]
        assert plot.findtext("title")
        assert plot.findtext("desc") or "t,who" not in written


def test_names_are_text_and_never_markup(tmp_path):
    written = hostile(tmp_path)
    assert "<script" not in written
    assert "<b>0" not in written
    assert "\u202e" not in written
    names = [tag.text for tag in ET.fromstring(written).iter("bdi")]
    assert '<script>alert("x")</script>&\N{REPLACEMENT CHARACTER}]]>' in names
    assert "<b>2</b>" in names


def test_the_summary_table_has_the_figures_side_by_side(tmp_path):
    root = ET.fromstring(report(tmp_path))
    rows = ["".join(row.itertext()) for row in root.iter("tr")]
    assert "credits charged34+1" in rows
    assert "granted440" in rows


def test_plots_say_the_figures(tmp_path):
    told = {plot.findtext("title"): plot.findtext("desc") for plot in ET.fromstring(report(tmp_path)).iter("svg")}
    assert told["Who pays"] == (
        "images, present: included 4 (28.6%), credits 3 (21.4%), not served 7 (50.0%);"
        " images, proposed: included 8 (57.1%), credits 2 (14.3%), not served 4 (28.6%)"
    )
    assert told["Newly denied and newly served requests by plan"] == (
        "free: 1 request of 1 account newly denied; pro: 1 request of 1 account newly served"
    )
    assert told["Credits charged over time"] == (
        "present in all 3 credits, at most 3 at a time; proposed in all 4 credits, at most 4 at a time"
    )


def test_the_style_serves_dark_and_light(tmp_path):
    written = report(tmp_path)
    assert "prefers-color-scheme: dark" in written
    assert "tabular-nums" in written
