"""Logging in for real: Streamlit, Chromium, and a provider that the test starts."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from joserfc.jwk import RSAKey

from tests.factories import oidc_server
from tests.factories.served import CHROMIUM, free_port, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the system has no chromium; install it to run the browser test"
)
# Where the secrets are looked for is known when Streamlit is imported.
pytestmark = [pytestmark, pytest.mark.usefixtures("new_processes")]
BOSS = {"sub": "u-3", "name": "Bo", "email": "bo@lab.example", "email_verified": True}


def test_people_log_in_with_their_roles_and_a_forged_identity_does_not(
    chromium: "Browser", tmp_path: Path
) -> None:
    from playwright.sync_api import Page, expect

    port, log = free_port(), tmp_path / "server.log"
    home = tmp_path / "home"
    (home / ".streamlit").mkdir(parents=True)
    environment = {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
        "BLASTLENS_ROLES_CLAIM": "realm_access.roles",
        "BLASTLENS_ADMINISTRATORS": "bo@lab.example",
    }
    with oidc_server.serve() as provider:
        secrets = provider.secrets_toml(f"http://localhost:{port}")
        (home / ".streamlit" / "secrets.toml").write_text(secrets, encoding="utf-8")
        with serve(log, port, environment) as url:

            def log_in(**claims: object) -> Page:
                page = chromium.new_page()
                provider.claims = claims
                page.goto(f"{url}/train")  # before the log-in no page is shown, nor the way to one
                page.get_by_role("button", name="Log in").click(timeout=30_000)
                page.wait_for_url(f"{url}/")
                return page

            def roles(page: Page, name: str) -> str:
                page.get_by_role("button", name=name).click(timeout=30_000)
                return page.get_by_text("Roles: ").inner_text(timeout=30_000)

            reader = log_in(sub="u-1", name="Ada", realm_access={"roles": ["reader"]})
            assert roles(reader, "Ada (u-1)") == "Roles: reader."
            supervisor = log_in(sub="u-2", name="Ada", realm_access={"roles": ["supervisor"]})
            assert roles(supervisor, "Ada (u-2)") == "Roles: supervisor."
            boss = log_in(**BOSS)
            assert roles(boss, "Bo (bo@lab.example)") == "Roles: administrator."
            boss.get_by_role("button", name="Log out").click()
            expect(boss.get_by_role("button", name="Log in")).to_be_visible(timeout=30_000)

            page = chromium.new_page()
            page.goto(url)
            again = page.get_by_role("button", name="Log in")
            other_key = RSAKey.generate_key(2048)
            for key, spoilt in (
                (other_key, {}),
                (None, {"aud": "another-app"}),
                (None, {"aud": "another-app", "azp": oidc_server.CLIENT}),
            ):
                provider.signing_key, provider.claims = key, BOSS | spoilt
                with page.expect_navigation(url=f"{url}/"):
                    again.click(timeout=30_000)
                expect(again).to_be_visible(timeout=30_000)
                expect(page.get_by_text("Bo (", exact=False)).to_have_count(0)
            for window in (reader, supervisor, boss, page):
                window.close()
    said = log.read_text(encoding="utf-8")
    assert "BadSignatureError" in said and said.count("token exchange failed") == 2
    assert {request["code_challenge_method"] for request in provider.asked} == {"S256"}
