"""What can be checked of the report without a browser: problems(html) names each, and an empty list is a good page."""

import re

from bs4 import BeautifulSoup

LOADS = {"src", "href", "srcset", "poster", "data", "action", "formaction"}


def problems(html: str) -> list[str]:
    """Every fault of a page, in words."""
    page = BeautifulSoup(html, "html.parser")
    checks = (addresses, headings, pictures, page_tables, figures, words, ids)
    return [problem for check in checks for problem in check(page)]


def addresses(page) -> list[str]:
    """Nothing may be loaded from anywhere: an offline reader, and a private one, sees all of it."""
    found = [
        f"loads {v[:60]}"
        for e in page.find_all()
        for a, v in e.attrs.items()
        if a in LOADS and is_address(e, a, v)
    ]
    styles = " ".join(s.get_text() for s in page.find_all("style")) + " ".join(
        e["style"] for e in page.find_all(style=True)
    )
    found += [
        f"loads {url}" for url in re.findall(r"@import[^;]*|url\((?!['\"]?data:)[^)]*\)", styles)
    ]
    return found + ["has a script"] * bool(page.find("script"))


def is_address(element, name: str, value: str) -> bool:
    link = element.name == "a" and name == "href" and value.startswith("#")
    return not link and not value.startswith("data:") and bool(value)


def headings(page) -> list[str]:
    """One h1, and no level is jumped over."""
    levels = [int(h.name[1]) for h in page.find_all(re.compile("^h[1-6]$"))]
    found = [] if levels.count(1) == 1 and levels[0] == 1 else [f"{levels.count(1)} h1"]
    return found + [
        f"h{b} after h{a}" for a, b in zip(levels, levels[1:], strict=False) if b - a > 1
    ]


def pictures(page) -> list[str]:
    return [
        f"a picture without words: {str(i)[:60]}"
        for i in page.find_all("img")
        if not i.get("alt", "").strip()
    ]


def page_tables(page) -> list[str]:
    """Each table says what it is, its head cells what they head."""
    found = [
        f"a table without a caption: {t.get_text(' ')[:60]}"
        for t in page.find_all("table")
        if not (t.caption and t.caption.get_text(strip=True))
    ]
    return found + [f"no scope: {th}" for th in page.find_all("th") if not th.get("scope")]


def figures(page) -> list[str]:
    """Under each drawn figure lies its data."""
    drawn = [
        f
        for f in page.find_all("figure")
        if f.find("img", src=re.compile("^data:image/svg"), recursive=False)
    ]
    return ["a figure without its data"] * sum(f.find("table") is None for f in drawn)


def words(page) -> list[str]:
    """The language is said, the page has a title, a status is text and sign."""
    found = [] if page.html and page.html.get("lang") else ["no language"]
    found += [] if page.title and page.title.get_text(strip=True) else ["no title"]
    shown = [cell.get_text(strip=True) for cell in page.select("td.status")]
    return found + [
        f"status {s!r}"
        for s in shown
        if not re.fullmatch(r"\S (PASS|WARN|FAIL|INVALID|NOT-RUN)", s)
    ]


def ids(page) -> list[str]:
    """No id stands twice, and links within the page lead somewhere."""
    known = [e["id"] for e in page.find_all(id=True)]
    found = [f"id {i} stands twice" for i in {i for i in known if known.count(i) > 1}]
    return found + [
        f"{a['href']} leads nowhere"
        for a in page.find_all("a", href=re.compile("^#"))
        if a["href"][1:] not in known
    ]
