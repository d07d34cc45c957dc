"""The page of a real run in a real browser: nothing is fetched, nothing complains, every way to use it works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evonas.workflows.run_handle import Run
from reports.pages.page import run_page
from reports.run_folder.facts import GeneFacts
from reports.run_folder.folder import RunFolder
from reports.tables.front import front_history, front_table
from reports.tables.snapshot import Snapshot
from tests.support.chromium import CHROMIUM, Chromium, Page, chromium
from tests.support.run_folders import copied

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
NASTY = "<script>window.ran = 1</script>\n\"quotes\" 'n' <img src=x onerror='window.ran = 2'> 🦊 \u2028 &lt;"


@pytest.fixture(scope="module")
def run(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A real run on another machine: moved, and everything that a user names is as nasty as can be."""
    folder = RunFolder(copied(finished.path, tmp_path_factory.mktemp("browser") / "moved"))
    folder.store(settings=folder.settings | {"name": NASTY})
    genes = [
        GeneFacts(name=f"{NASTY} {gene.name}", choices=[f"{NASTY} {choice}" for choice in gene.choices])
        for gene in folder.facts().genes
    ]
    folder.store(genes=genes)
    folder.warn(NASTY)
    return RunFolder(folder.path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def opened(browser: Chromium, run: RunFolder) -> Page:
    (run.path / "report.html").write_text(run_page(Snapshot(run)), encoding="utf-8")
    page = browser.page()
    page.open(run.path / "report.html")
    return page


@pytest.fixture
def page(opened: Page) -> Page:
    """The page as it was at first."""
    opened.evaluate(
        "update({generation: data.lastGeneration, brushes: new Map(), box: null, selected: data.knee,"
        "x: 'model_size', y: 'error', isLogX: true, isLogY: false, sort: {name: 'error', sign: 1}})"
    )
    return opened


def shown(page: Page) -> list[int]:
    ids: list[int] = page.evaluate("[...byId('table-body').children].map((row) => Number(row.dataset.id))")
    return ids


def chosen(page: Page) -> int:
    """The network that card, table and state agree on."""
    card, row, state = page.evaluate(
        "[parseInt(document.querySelector('#card h3').textContent.slice(8)),"
        "Number(document.querySelector('#table-body [aria-selected=true]').dataset.id), state.selected]"
    )
    assert card == row == state
    return int(state)


def pixel(page: Page, id_: int) -> tuple[float, float]:
    """Where a network is in the scatter."""
    page.settle()
    page.evaluate("byId('scatter').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = page.evaluate(
        f"(() => {{ const row = rowOf.get({id_}), plot = byId('scatter'), box = plot.getBoundingClientRect();"
        "const {xaxis, yaxis} = plot._fullLayout; const at = (axis, value) => axis._offset + axis.d2p(value);"
        "const [x, y] = [state.x, state.y].map((name) => networks.values[name][row]);"
        "return [box.x + at(xaxis, x), box.y + at(yaxis, y)]; })()"
    )
    return x, y


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse("mousePressed", *start)
    for share in (0.3, 0.7, 1.0):
        page.mouse("mouseMoved", *(a + share * (b - a) for a, b in zip(start, end, strict=True)))
    page.mouse("mouseReleased", *end)


def test_it_opens_offline_without_a_complaint_and_runs_nothing_of_the_users(page: Page, run: RunFolder) -> None:
    assert page.requests == [(run.path / "report.html").resolve().as_uri()]
    assert page.complaints == []
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.querySelectorAll('img').length") == 0
    assert page.evaluate("document.querySelector('h1').textContent") == NASTY
    assert NASTY in page.evaluate("byId('gene-body').textContent")
    page.evaluate("byId('gene-history').scrollIntoView({behavior: 'instant'})")
    page.wait_for("byId('gene-history').querySelector('svg')")
    assert NASTY in page.evaluate("byId('gene-title').textContent")
    assert page.evaluate("window.ran") is None
    assert page.complaints == []


def test_numbers_are_the_archives_to_the_digit(page: Page, run: RunFolder) -> None:
    front = front_table(run).set_index("id")
    cells = page.evaluate(
        "[...byId('table-body').children].map((row) => [...row.children].map((cell) => [cell.title, cell.textContent]))"
    )
    assert shown(page) == front.sort_values("error", kind="stable").index.tolist()
    for id_, row in zip(shown(page), cells, strict=True):
        for (exact, text), (name, measure) in zip(row[1:-1], run.measures.items(), strict=True):
            assert float(exact) == front.loc[id_, name]
            assert text == measure.display(front.loc[id_, name])
        assert row[-1][0] == front.loc[id_, "genome"]


def test_a_click_on_a_point_shows_its_network(page: Page, run: RunFolder) -> None:
    cheapest = int(front_table(run).sort_values("model_size")["id"].iloc[0])
    at = pixel(page, cheapest)
    page.mouse("mouseMoved", *at)
    page.mouse("mousePressed", *at)
    page.mouse("mouseReleased", *at)
    assert chosen(page) == cheapest
    commands = page.evaluate("[...document.querySelectorAll('#card code')].map((code) => code.textContent)")
    genome = front_table(run).set_index("id").loc[cheapest, "genome"]
    assert commands[0] == genome
    assert f"evonas train {run.path} --pick {cheapest}" in commands
    assert f"evonas export {run.path} --pick {cheapest} --format onnx" in commands
    strip = page.evaluate("[...byId('strip').tBodies[0].rows].map((row) => row.cells[0].textContent)")
    table = run.networks([genome])[genome]
    assert strip == table.loc[table["weights"] > 0, "layer"].tolist()
    assert page.evaluate("byId('graph').querySelectorAll('rect').length") == len(table)


def test_a_click_on_the_cloud_shows_what_was_evaluated(page: Page, run: RunFolder) -> None:
    page.evaluate("byId('scatter').scrollIntoView({block: 'center', behavior: 'instant'})")
    once = set(front_history(run)["id"])
    found = page.evaluate(
        "(() => { const box = byId('scatter').getBoundingClientRect();"
        "return drawnCloud.map(([id, x, y]) => [id, box.x + x, box.y + y]); })()"
    )
    alone = [
        one
        for one in found
        if one[0] not in once
        and all(one is other or abs(one[1] - other[1]) + abs(one[2] - other[2]) > 25 for other in found)
    ]
    id_, x, y = alone[0]
    page.mouse("mouseMoved", x, y)
    page.wait_for("!byId('scatter')._hoverdata?.length")
    page.mouse("mousePressed", x, y)
    page.mouse("mouseReleased", x, y)
    assert page.evaluate("state.selected") == id_
    assert "never on the front" in page.evaluate("byId('card').textContent")
    exact = page.evaluate("document.querySelector('#card dd').title")
    assert float(exact) == run.evaluations_of([id_])["error"].item()


def test_keys_walk_along_the_front_and_down_the_table(page: Page, run: RunFolder) -> None:
    by_size = front_table(run).sort_values("model_size")["id"].tolist()
    page.evaluate("byId('scatter').focus()")
    far = min(2, len(by_size) - 1)
    for key, expected in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", far), ("ArrowLeft", far - 1), ("End", -1)):
        page.key(key)
        assert chosen(page) == by_size[expected]
    page.evaluate("byId('table-body').querySelector('[tabindex=\"0\"]').focus()")
    page.key("Home")
    page.key("ArrowDown")
    assert chosen(page) == shown(page)[1]
    assert page.evaluate("Number(document.activeElement.dataset.id)") == shown(page)[1]


def test_a_brush_in_the_chart_holds_everywhere(page: Page, run: RunFolder) -> None:
    by_size = front_table(run).sort_values("model_size")["id"].tolist()
    page.wait_for("byId('scatter').layout.dragmode === 'select'")
    x, y = pixel(page, by_size[0])
    drag(page, (x - 12, y - 12), (x + 12, y + 12))
    page.wait_for("state.box !== null")
    found = shown(page)
    assert by_size[0] in found
    assert len(found) < len(by_size)
    assert "within the brush" in page.evaluate("byId('count').textContent")
    out = page.evaluate("[...lines].filter(([row, line]) => line.classList.contains('out')).length")
    assert out >= len(by_size) - len(found)
    page.click("#clear")
    assert len(shown(page)) == len(by_size)


def test_a_brush_along_an_axis_by_pointer_and_by_keys(page: Page, run: RunFolder) -> None:
    front = front_table(run)
    page.evaluate("byId('parallel').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, middle = page.centre('#parallel .brush[data-axis="model_size"]')
    drag(page, (x, middle), (x, middle + 80))
    low, high = page.evaluate("state.brushes.get('model_size')")
    within = front[(front["model_size"] >= low) & (front["model_size"] <= high)]
    assert set(shown(page)) == set(within["id"])
    assert len(within) < len(front)
    page.evaluate('document.querySelector(\'.handle[data-axis="model_size"][data-end="1"]\').focus()')
    page.key("Escape")
    assert len(shown(page)) == len(front)
    while len(shown(page)) == len(front):  # the axis reaches to networks that were on the front once
        page.key("ArrowDown")
    low, high = page.evaluate("state.brushes.get('model_size')")
    assert high < front["model_size"].max()
    assert set(shown(page)) == set(front.loc[front["model_size"] <= high, "id"])
    assert page.evaluate("Number(document.activeElement.getAttribute('aria-valuenow'))") == high


def test_columns_sort_both_ways_and_say_so(page: Page, run: RunFolder) -> None:
    front = front_table(run).set_index("id")
    for expected, direction in ((True, "ascending"), (False, "descending")):
        page.click('#table-head th[data-name="bitops"] button')
        values = front.loc[shown(page), "bitops"]
        assert values.is_monotonic_increasing if expected else values.is_monotonic_decreasing
        assert page.evaluate("document.querySelector('[data-name=bitops]').getAttribute('aria-sort')") == direction


def test_the_slider_shows_the_front_of_earlier_generations(page: Page, run: RunFolder) -> None:
    history = front_history(run)
    for generation in (0, 2):
        page.evaluate(f"byId('generation').value = {generation}; byId('generation').dispatchEvent(new Event('input'))")
        until = history["until"].fillna(99)
        then = history[(history["since"] <= generation) & (generation < until)]
        assert set(shown(page)) == set(then["id"])


def test_axes_and_scales_are_the_users_choice(page: Page) -> None:
    page.evaluate("byId('x-axis').value = 'macs'; byId('x-axis').dispatchEvent(new Event('change'))")
    page.evaluate("byId('y-axis-log').checked = true; byId('y-axis-log').dispatchEvent(new Event('change'))")
    title, kind = page.evaluate("[byId('scatter').layout.xaxis.title.text, byId('scatter').layout.yaxis.type]")
    assert title.startswith("MACs")
    assert kind == "log"
    assert page.complaints == []


def test_light_and_dark_by_system_and_by_button(page: Page) -> None:
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(back) != light
    assert page.evaluate("byId('scatter').layout.font.color === colour('ink')")
    page.click("#theme")
    assert page.evaluate(back) == light


def test_a_phone_in_the_dark_scrolls_one_way_only(browser: Chromium, run: RunFolder, opened: Page) -> None:
    page = browser.page()
    page.open(run.path / "report.html", width=390, dark=True)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.complaints == []
