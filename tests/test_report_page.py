"""The page of a report, read by a strict parser and used in a real browser."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import replace
from functools import cache
from itertools import pairwise

import html5lib
import numpy as np
import pytest
from PIL import Image

from browser import browser  # noqa: F401 - a fixture
from labelonce.errors import ImageUnreadable
from labelonce.images.decoding import decode
from labelonce.planning import Decision, Outlook, Role
from labelonce.reporting import charts
from labelonce.reporting.content import Choice, Group, Period, Report, Skip
from labelonce.reporting.page import BARE, divided, render
from labelonce.reporting.thumbnails import BUDGET, EDGES, Thumbnail, choose, most_bytes, taken, thumbnail
from labelonce.savings import savings
from labelonce.settings import Settings
from pictures import encoded, texture

SERVER = "http://127.0.0.1:8080"
HOSTILE = "</style></script><script>window.broken=1</script><img src=x onerror=window.broken=1>\"'&\u202egpj.\x07"


def made(groups: tuple[Group, ...], **changes) -> Report:
    """A report of these groups, of as many tasks again that are unique."""
    duplicates = sum(len(group.skips) for group in groups)
    tasks = 2 * (duplicates + len(groups))
    found = savings(
        tasks=tasks,
        duplicates=duplicates,
        skipped=duplicates,
        annotators=1,
        lead_times=[10.0, 12.0, 14.0],
        settings=Settings(hourly_rate=30.0),
    )
    choices = tuple(Choice(60.0 + step, tasks - duplicates + step, step == 0) for step in range(0, 41, 10))
    report = Report(SERVER, 3, "Street scenes", True, 60.0, found, groups, choices)
    return replace(report, **changes)


def group(number: int, *similarities: float | None) -> Group:
    """Task 100 n stands for 100 n + 1 and so on."""
    first = 100 * number
    skips = (Skip(first + place, value, f"reason {first + place}", True) for place, value in enumerate(similarities, 1))
    return Group(first, first, tuple(skips))


GROUPS = (group(1, 70.0), group(2, 80.0, 85.0, 99.0), group(3, 90.0), group(4, None))


def small_of(data: bytes, edge: int, max_pixels: int) -> Thumbnail:
    return thumbnail(decode(data, max_pixels=max_pixels), edge, len(data))


@cache
def small(seed: int) -> Thumbnail:
    return small_of(encoded(texture(seed, (200, 150)), "JPEG"), 96, 10**6)


def pictured(groups: tuple[Group, ...]) -> dict[int, Thumbnail]:
    return {task: small(place % 4) for place, task in enumerate(choose(groups).tasks)}


def parsed(page: str):
    """The page's elements; a fault in its HTML is an error."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


@pytest.fixture
def opened(browser, tmp_path):  # noqa: F811
    """Open a page as a file: what it asks for and what goes wrong is noted, and must be nothing."""
    contexts, troubles, asked = [], [], []

    def call(html: str, *, width: int = 1280, scheme: str = "light", script: bool = True):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield call
    for context in contexts:
        context.close()
    assert troubles == []
    assert all(url.startswith(("data:", "file:")) for url in asked)
    assert len([url for url in asked if url.startswith("file:")]) == len(contexts)


def tiles(page) -> dict[str, tuple[str, str]]:
    rows = page.locator(".tile").all()
    return {
        row.locator("dt").inner_text(): (row.locator(".figure").inner_text(), row.locator(".basis").inner_text())
        for row in rows
    }


def focused(page) -> str | None:
    return page.evaluate("document.activeElement.dataset.task ?? document.activeElement.id")


def visible(page) -> list[str]:
    return page.eval_on_selector_all("article.group:not([hidden])", "found => found.map(one => one.dataset.task)")


def test_figures_are_those_of_the_report(opened):
    report = made(
        GROUPS, runs=(Period("2026-03-01T09:00:00Z", 9, 4, 48.0, 0.4), Period("2026-03-02", 7, 2, 24.0, None))
    )
    page = opened(render(report, pictured(GROUPS)))
    assert page.title() == "Street scenes - labelonce"
    assert {name: figure for name, (figure, _) in tiles(page).items()} == {
        "Images": "20",
        "Unique": "14",
        "Duplicates": "6",
        "Share left": "70.0 %",
        "Time saved": "1 min 12 s",
        "Money saved": "0.60",
    }
    assert report.savings.seconds_basis in tiles(page)["Time saved"][1]
    assert report.savings.money_basis in tiles(page)["Money saved"][1]
    assert page.locator("article.group").count() == len(GROUPS)
    second = page.locator("article.group").nth(1)
    assert second.locator(".like").all_text_contents() == ["80.0 %", "85.0 %", "99.0 %"]
    assert second.locator(".why").all_text_contents() == ["reason 201", "reason 202", "reason 203"]
    assert second.locator("h3 a").get_attribute("href") == f"{SERVER}/projects/3/data?task=200"
    assert second.locator(".size").first.text_content().startswith("200 \N{MULTIPLICATION SIGN} 150 px, ")
    assert page.locator(".card table").first.locator("tbody tr").count() == len(report.choices)
    assert [one.text_content() for one in page.locator(".present > *").all()] == ["60.0 % (now)", "14"]
    assert page.locator(".least").all_text_contents() == ["70.0 %", "least 80.0 %", "90.0 %", "not known"]
    page.locator("summary", has_text="Per run").click()
    assert page.locator("tr", has_text="2026-03-02").inner_text().split("\t") == [
        "2026-03-02", "7", "2", "24 s", "not known",
    ]  # fmt: skip


def test_what_nobody_knows_is_said(opened):
    found = savings(tasks=5, duplicates=0, skipped=0, annotators=1, lead_times=[], settings=Settings())
    page = opened(render(made((), savings=found, choices=(), applied=False), {}))
    assert tiles(page)["Time saved"] == ("not known", found.seconds_basis)
    assert tiles(page)["Money saved"] == ("not known", found.money_basis)
    assert "No image is a duplicate" in page.inner_text("#groups")
    assert "Nothing is written yet" in page.inner_text("header")
    assert page.locator(".card, #filter").count() == 0
    page.keyboard.press("j")
    page.keyboard.press("/")


def test_keys(opened):
    page = opened(render(made(GROUPS), pictured(GROUPS)))
    page.keyboard.press("j")
    assert focused(page) == "100"
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    assert focused(page) == "200"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "202"
    page.keyboard.press("Enter")
    dialog = page.locator("#compare")
    assert dialog.is_visible()
    assert "202, 85.0 %" in page.inner_text("#otherText")
    assert page.inner_text("#reason") == "reason 202"
    widths = page.eval_on_selector_all("#sides img", "found => found.map(one => one.naturalWidth)")
    assert widths == [96, 96]
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#reason") == "reason 203"
    page.keyboard.press("o")
    assert page.locator("#other").evaluate("one => one.style.opacity") == "0.5"
    page.keyboard.press("b")
    page.keyboard.press("b")
    assert page.locator("#other").evaluate("one => one.style.opacity") == "1"
    page.locator("#slide").fill("25")
    assert page.locator("#other").evaluate("one => one.style.opacity") == "0.25"
    page.keyboard.press("j")
    assert page.inner_text("#reason") == "reason 301"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert focused(page) == "301"
    page.keyboard.press("o")
    assert page.get_attribute("#overlay", "aria-pressed") == "true"
    page.keyboard.press("Escape")
    assert focused(page) == "301"
    page.keyboard.press("Enter")
    page.evaluate("document.getElementById('compare').close()")  # as a gesture does
    page.wait_for_function("document.activeElement.dataset.task === '301'")
    page.keyboard.press("/")
    assert focused(page) == "find"
    page.locator(".skip .frame").first.click()
    assert page.inner_text("#reason") == "reason 101"


def test_filters(opened):
    page = opened(render(made(GROUPS), pictured(GROUPS)))
    assert page.inner_text("#count") == "4 of 4 groups"
    page.fill("#find", "203")
    assert visible(page) == ["200"]
    assert page.inner_text("#count") == "1 of 4 groups"
    page.fill("#find", "3")
    assert visible(page) == ["300"]
    page.fill("#find", "")
    page.fill("#many", "2")
    assert visible(page) == ["200"]
    page.fill("#many", "1")
    page.fill("#low", "80")
    page.fill("#high", "90")
    assert visible(page) == ["200", "300"]
    page.fill("#high", "")
    assert visible(page) == ["200", "300", "400"]
    page.press("#high", "Enter")
    assert focused(page) == "200"


def test_groups_without_pictures_are_listed_and_found(opened):
    pictures = {task: one for task, one in pictured(GROUPS).items() if task < 300}
    page = opened(render(made(GROUPS), pictures))
    assert visible(page) == ["100", "200"]
    assert not page.locator("#list table").first.is_visible()
    page.fill("#find", "401")
    rows = page.locator("#list tbody:not([hidden]) tr")  # laid out, and then visible, when it comes into sight
    assert rows.count() == 1
    assert rows.locator("th, td").all_text_contents() == ["400", "401", "not known", "reason 401"]
    rows.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#list tbody:not([hidden]) tr').innerText.includes('reason 401')")


def test_everything_is_there_without_scripts(opened):
    page = opened(render(made(GROUPS), pictured(GROUPS)), script=False)
    assert page.locator("article.group").count() == len(GROUPS)
    assert page.locator(".skip img").count() == 6
    assert not page.locator("#filter").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_scrolls_sideways(opened, scheme):
    long = replace(GROUPS[0], skips=(Skip(101, 70.0, "x" * 300, True),))
    runs = tuple(Period(f"2026-03-{day:02}", 9, 4, 48.0, 0.4) for day in range(1, 9))
    report = made((long, *GROUPS[1:]), title="t" * 200, runs=runs, uploads=runs, problems=((9, "y" * 200),))
    page = opened(render(report, pictured(GROUPS[:3])), width=390, scheme=scheme)
    page.eval_on_selector_all("details", "found => found.forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    lightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (max(lightness) < 60) == (scheme == "dark")
    drawn = page.locator(".card picture img").first.evaluate("one => one.currentSrc")
    assert drawn == getattr(charts.whatif(report), scheme)
    assert page.locator(".card picture img").first.evaluate("one => one.naturalWidth") == charts.WIDTH
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#compare").evaluate("one => one.scrollWidth <= one.clientWidth && one.clientWidth <= 390")


def test_hostile_names_are_text(opened):
    skip = Skip(f"{HOSTILE}/2.jpg", 90.0, HOSTILE, False)
    shown, listed = Group(HOSTILE, HOSTILE, (skip,)), Group("b", "b", (Skip(f"{HOSTILE}/3.jpg", 95.0, HOSTILE, False),))
    changes = {"title": HOSTILE, "source": HOSTILE, "project": None, "problems": ((HOSTILE, HOSTILE),)}
    html = render(made((shown, listed), **changes), {HOSTILE: small(1), skip.task: small(2)})
    parsed(html)
    assert "\u202e" not in html
    assert "\x07" not in html
    page = opened(html)
    assert page.evaluate("window.broken") is None
    assert page.locator("script").count() == page.locator("style").count() == 1
    readable = HOSTILE.replace("\u202e", "\ufffd").replace("\x07", "\ufffd")
    assert page.inner_text("h1") == readable
    assert page.locator(".why").text_content() == readable
    assert page.evaluate("JSON.parse(document.querySelector('.skip').dataset.task)") == skip.task
    page.fill("#find", "2.jpg")
    assert page.inner_text("#count") == "1 of 2 groups"
    page.locator(".skip .frame").click()
    assert page.inner_text("#reason") == readable


def test_an_address_that_would_run_is_no_link():
    page = render(made(GROUPS, source="javascript:alert(1)//"), pictured(GROUPS))
    assert not [one.get("href") for one in parsed(page).iter("a") if not one.get("href").startswith("#")]


def test_html_is_valid_and_named():
    runs = (Period("2026-03-01", 9, 4, 48.0, 0.4), Period("2026-03-02", 9, 4, None, None))
    for review in (False, True):
        tree = parsed(render(made(GROUPS, runs=runs), pictured(GROUPS[:2]), review=review))
        assert tree.get("lang") == "en"
        assert len(list(tree.iter("main"))) == len(list(tree.iter("h1"))) == 1
        levels = [int(one.tag[1]) for one in tree.iter() if re.fullmatch("h[1-6]", str(one.tag))]
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert all(one.get("alt") for one in tree.iter("img") if one.get("id") is None)
        assert all(one.find("caption") is not None for one in tree.iter("table"))
        assert all(one.get("scope") for one in tree.iter("th"))
        names = [one.get("id") for one in tree.iter() if one.get("id")]
        assert len(names) == len(set(names))
        referred = [
            name
            for one in tree.iter()
            for attribute in ("aria-labelledby", "for")
            for name in (one.get(attribute) or "").split()
        ]
        assert set(referred) <= set(names)
        assert not [one for one in tree.iter() if any(name == "style" or name.startswith("on") for name in one.attrib)]


def test_the_policy_lets_nothing_out():
    policies = [
        next(one.get("content") for one in parsed(render(made(GROUPS), {}, review=review)).iter("meta")
             if one.get("http-equiv"))
        for review in (False, True)
    ]  # fmt: skip
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "connect-src" not in policies[0]
    assert "unsafe" not in policies[0]
    assert policies[1] == f"{policies[0]}; connect-src 'self'"


def reviewed(browser, answer):  # noqa: F811
    """A review page behind an address, and what it sent."""
    page, sent = browser.new_page(), []

    def served(route):
        if route.request.method == "GET":
            html = render(made((*GROUPS[:3], group(5, 95.0, 97.0))), pictured(GROUPS[:3]), review=True)
            route.fulfill(body=html, content_type="text/html; charset=utf-8")
        else:
            sent.append((route.request.url, route.request.headers["x-labelonce"], route.request.post_data_json))
            status, told = answer(sent[-1][2])
            route.fulfill(status=status, json=told)

    page.route("http://review.test/**", served)
    page.goto("http://review.test/token/")
    return page, sent


def test_marks_are_sent_and_shown(browser):  # noqa: F811
    told = {"text": "kept apart", "advice": "Try 75 %."}
    page, sent = reviewed(browser, lambda _: (200, told))
    page.keyboard.press("j")
    page.keyboard.press("d")
    page.locator(".badge").wait_for()
    assert sent[0] == ("http://review.test/token/marks", "review", {"mark": "distinct", "one": 101, "other": 100})
    assert page.inner_text("#said") == "kept apart Try 75 %."
    first = page.locator(".skip").first
    assert first.locator(".badge").text_content() == "kept apart"
    assert first.locator("button[data-mark]:enabled").count() == 0
    page.keyboard.press("d")
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    page.locator("article[data-task='200'] > header .badge").wait_for()
    assert page.locator("#compare #said").is_visible()
    assert "Load the page again" in page.inner_text("#said")
    assert page.locator("article[data-task='200'] button[data-mark]:enabled").count() == 0
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("j")
    page.keyboard.press("a")
    page.locator("article[data-task='300'] > header .badge").wait_for()
    page.locator("#list summary").click()
    page.locator("#list tr", has_text="502").get_by_role("button", name="Not a duplicate").click()
    page.locator("#list .badge").wait_for()
    assert [body for _, _, body in sent[1:]] == [
        {"mark": "representative", "one": 202, "other": 200},
        {"mark": "keep", "tasks": [300, 301]},
        {"mark": "distinct", "one": 502, "other": 500},
    ]
    page.locator("#list tr", has_text="501").get_by_role("button", name="Keep all").click()
    page.wait_for_function("document.querySelectorAll('#list .badge').length === 2")
    assert sent[-1][2] == {"mark": "keep", "tasks": [500, 501, 502]}
    page.close()


def test_what_is_the_same(browser):  # noqa: F811
    page, sent = reviewed(browser, lambda _: (200, {"text": "done", "advice": None}))
    asked = []
    answers = iter(["", None, "task 7", " 200 "])

    def answer(dialog):
        asked.append(dialog.message)
        given = next(answers)
        dialog.dismiss() if given is None else dialog.accept(given)

    page.on("dialog", answer)
    first = page.locator(".skip").first
    page.keyboard.press("j")
    page.keyboard.press("d")
    first.locator(".badge").wait_for()
    page.keyboard.press("s")  # takes it back
    first.locator(".badge").wait_for(state="detached")
    assert first.locator("button[data-mark]:disabled").count() == 0
    page.keyboard.press("Enter")
    page.keyboard.press("d")
    first.locator(".badge").wait_for()
    page.wait_for_selector("#marks button[data-mark='distinct']:disabled")
    page.locator("#marks button[data-mark='same']").click()
    first.locator(".badge").wait_for(state="detached")
    page.keyboard.press("Escape")
    assert asked == []
    for _ in range(4):
        page.locator("article[data-task='100'] > header").get_by_role("button", name="Same as another task").click()
    page.locator("article[data-task='100'] > header .badge").wait_for()
    assert asked == ["Which task shows the same as task 100? Give its number."] * 4
    assert "Load the page again" in page.inner_text("#said")
    assert [body for _, _, body in sent] == [
        {"mark": "distinct", "one": 101, "other": 100},
        {"mark": "same", "one": 101, "other": 100},
    ] * 2 + [{"mark": "same", "one": 100, "other": 200}]
    page.close()


def test_a_mark_that_is_refused_can_be_made_again(browser):  # noqa: F811
    answers = [(409, {"text": "Somebody else changed task 101."}), (200, {"text": "done", "advice": None})]
    page, sent = reviewed(browser, lambda _: answers[len(sent) - 1])
    button = page.locator(".skip").first.get_by_role("button", name="Not a duplicate")
    button.click()
    page.wait_for_function("document.getElementById('said').textContent.includes('Somebody')")
    assert page.locator(".badge").count() == 0
    button.click()
    page.locator(".badge").wait_for()
    assert page.inner_text("#said") == "done"
    page.close()


def test_every_skip_is_in_one_place():
    groups = (group(1, *[70.0] * 40), group(2, 80.0), group(3, 90.0))
    gallery, rest = divided(groups, {101: 1, 120: 1, 300: 1})
    assert [(one.number, len(one.skips)) for one in gallery] == [(1, BARE + 2), (3, 1)]
    assert [(one.number, len(one.skips)) for one in rest] == [(1, 40 - BARE - 2), (2, 1)]
    there = [skip for one in (*gallery, *rest) for skip in one.skips]
    assert sorted(there, key=lambda one: one.task) == [skip for one in groups for skip in one.skips]


def test_few_pictures_are_large_and_many_are_small():
    assert choose(GROUPS).edge == EDGES[0]
    assert choose(GROUPS).tasks == (100, 101, 200, 201, 202, 203, 300, 301, 400, 401)
    many = choose(tuple(group(number, *[90.0] * 5) for number in range(1, 1500)))
    assert len([task for task in many.tasks if task % 100 == 0]) == 1000
    assert len(many.tasks) >= 2000
    assert taken(many.tasks, many.edge) <= BUDGET
    one = choose((group(1, *[90.0] * 90),))
    assert len(one.tasks) == 91
    paths = choose(tuple(Group("p" * 900 + str(place), "p", group(place, 90.0).skips) for place in range(1000)))
    assert 500 < len(paths.tasks) < 2000
    assert taken(paths.tasks, paths.edge) <= BUDGET
    assert choose(()).tasks == ()


@pytest.mark.parametrize("edge", [96, 320])
def test_a_thumbnail_is_small_whatever_the_picture(edge):
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    for image in (Image.fromarray(noise), texture(1, (800, 600))):
        data = encoded(image)
        found = small_of(data, edge, 10**6)
        assert (found.width, found.height, found.bytes) == (800, 600, len(data))
        kind, _, text = found.uri.partition(",")
        assert kind == "data:image/webp;base64"
        assert len(b64decode(text)) <= most_bytes(edge)
    with pytest.raises(ImageUnreadable):
        small_of(b"no picture", edge, 10**6)
    with pytest.raises(ImageUnreadable):
        small_of(data, edge, 100)


def test_a_page_of_a_thousand_groups_stays_small():
    groups = tuple(
        Group(place, place, tuple(Skip(place + extra, 80.0, "verified: 412 keypoints agree", True) for extra in (1, 2)))
        for place in range(100_000, 130_000, 30)
    )
    chosen = choose(groups)
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    largest = small_of(encoded(Image.fromarray(noise)), chosen.edge, 10**6)
    filled = replace(largest, uri=largest.uri[:23] + "A" * (most_bytes(chosen.edge) * 4 // 3))
    page = render(made(groups), dict.fromkeys(chosen.tasks, filled), review=True)
    assert page.count('<article class="group"') == 1000
    assert len(page.encode()) < 5_000_000


def test_a_page_of_many_groups_stays_small(opened):
    groups = tuple(
        Group(place, place, (Skip(place + 1, 80.0, "verified: 412 keypoints agree", True),))
        for place in range(100_000, 150_000, 2)
    )
    html = render(made(groups), {})
    assert len(html.encode()) < 15_000_000
    page = opened(html)
    assert page.locator("#list").get_attribute("open") is not None
    page.fill("#find", "149999")
    assert page.inner_text("#count") == "1 of 25,000 groups"


def test_charts_are_drawn_only_of_something():
    report = made(GROUPS)
    assert charts.over_time(replace(report, runs=(Period("2026-03-01", 9, 4, None, None),))) is None
    assert charts.whatif(replace(report, choices=report.choices[:1])) is None
    assert charts.cluster_sizes(replace(report, groups=())) is None
    assert charts.sizes(GROUPS) == [("2", 3), ("4", 1)]
    assert charts.sizes((replace(GROUPS[0], cluster=200), GROUPS[1])) == [("6-10", 1)]
    drawn = charts.whatif(report)
    assert drawn == charts.whatif(report)
    assert len(json.dumps([drawn.light, drawn.dark])) < 40_000
    text = b64decode(drawn.light.partition(",")[2]).decode()
    assert "now: 14" in text
    assert "least similarity" in text


def test_what_would_skip_more_is_shown_and_compared(opened):
    pairs = tuple(Decision(task, Role.DUPLICATE, f"moved {task}", 900, 900, 71.5, 0.875) for task in (901, 902))
    found = made(GROUPS, hints=("7 more pairs differ only at 0,92,31,8",), scene=Outlook(1234, 56, pairs))
    pictures = {**pictured(GROUPS), **{task: small(task % 4) for task in (900, 901, 902)}}
    page = opened(render(found, pictures))
    section = page.locator("#more")
    assert "7 more pairs differ only at 0,92,31,8." in section.inner_text()
    assert "--level scene would leave 1,234 to label, 56 fewer" in section.inner_text()
    assert section.locator("code").inner_text() == "labelonce plan --project 3 --level scene"
    assert section.locator("article img").count() == 3
    assert section.locator(".why").all_text_contents() == ["moved 901", "moved 902"]
    assert page.locator("#count").inner_text() == f"{len(GROUPS)} of {len(GROUPS)} groups"
    page.fill("#find", "200")  # they are not what is filtered
    assert section.locator("article").is_visible()
    section.get_by_role("button", name="Compare").first.click()
    assert "Would stay: 900" in page.locator("#oneText").inner_text()
    assert "Would be skipped: 901, 71.5 %" in page.locator("#otherText").inner_text()
    page.keyboard.press("ArrowRight")
    assert "902" in page.locator("#otherText").inner_text()


def test_without_advice_there_is_no_such_section(opened):
    assert opened(render(made(GROUPS), {})).locator("#more").count() == 0
    alone = opened(render(made((), hints=("7 more pairs",)), {}))
    assert "7 more pairs." in alone.locator("#more").inner_text()
    assert alone.locator("#more article").count() == 0
