"""Who writes to a masked address."""

import pytest

from postroom.directory.correspondents import Correspondent, correspondents


@pytest.mark.parametrize(
    ("site", "domain", "is_stranger"),
    [
        pytest.param("shop.test", "shop.test", False, id="the site"),
        pytest.param("shop.test", "mail.shop.test", False, id="below it"),
        pytest.param("www.shop.test", "shop.test", False, id="without www"),
        pytest.param("https://www.Shop.test/account", "shop.test", False, id="as a link"),
        pytest.param("login.shop.test", "shop.test", False, id="above it"),
        pytest.param("shop.test", "myshop.test", True, id="only its end"),
        pytest.param("shop.test", "test", True, id="a top-level domain"),
        pytest.param("shop.test", "spam.example", True, id="another"),
        pytest.param("bücher.test", "xn--bcher-kva.test", False, id="a U-label"),
        pytest.param("Example Shop", "example-shop.test", False, id="a name"),
        pytest.param("Example Shop", "mail.exampleshop.test", False, id="a name in one word"),
        pytest.param("Example Shop", "example.test", True, id="half a name"),
        pytest.param("!", "example.test", True, id="no letters"),
        pytest.param("", "example.test", None, id="no site noted"),
    ],
)
def test_a_stranger_is_not_of_the_site(site: str, domain: str, is_stranger: bool | None) -> None:
    [found] = correspondents(site, [(7, f"bounce+x@{domain}")])
    assert found.is_stranger is is_stranger


def test_strangers_come_first_and_are_counted() -> None:
    messages = [
        (1, "news@Shop.test"),
        (5, "other@shop.test"),
        (2, "a@spam.example"),
        (3, "b@SPAM.example"),
        (4, ""),
        (6, "x@not a domain"),
    ]
    assert correspondents("shop.test", messages) == [
        Correspondent("not a domain", 1, 6, 6, True),
        Correspondent("spam.example", 2, 2, 3, True),
        Correspondent("shop.test", 2, 1, 5, False),
        Correspondent("", 1, 4, 4, None),
    ]
