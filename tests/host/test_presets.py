"""Presets on a real host: a browser shows their pictures by its cookie, and the content of a user goes with them."""

from __future__ import annotations

from .accounts import AUTH, Team, add
from .client import Client
from .uploading import new_preset, new_system_prompt


def test_an_img_tag_can_show_the_picture_of_a_preset(studio: Team):
    person, other = add(studio.admin, "owner"), add(studio.admin, "other")
    address = "/" + person.client.get(f"/api/v1/style_presets/i/{new_preset(person.client, 'Mine')}").json()["image"]
    assert person.browser().with_cookies().get(address).status == 200
    assert other.browser().with_cookies().get(address).status == 404
    assert Client(studio.url).get(address).status == 401


def test_presets_and_prompts_change_hands_and_go_with_their_user(studio: Team):
    person, heir = add(studio.admin, "owner"), add(studio.admin, "heir")
    preset, prompt = new_preset(person.client, "Mine"), new_system_prompt(person.client, "Mine")
    parts = ["style_presets", "system_prompts"]
    content = studio.admin.client.get(f"{AUTH}/users/{person.id}/content").json()["content"]
    assert [content[part] for part in parts] == [1, 1]
    body = {"to_user_id": heir.id, "parts": parts}
    answer = studio.admin.client.post(f"{AUTH}/users/{person.id}/transfer", body)
    assert answer.json()["transferred"] == dict.fromkeys(parts, 1)
    assert heir.client.get(f"/api/v1/style_presets/i/{preset}/image").status == 200
    assert heir.client.get(f"/api/v1/system_prompts/i/{prompt}").json()["owner_username"] == "Heir"
    assert person.client.get(f"/api/v1/style_presets/i/{preset}").status == 404
    assert studio.admin.client.delete(f"{AUTH}/users/{heir.id}?content=purge").status in (200, 204)
    assert studio.admin.client.get(f"/api/v1/style_presets/i/{preset}").status == 404
    assert studio.admin.client.get(f"/api/v1/system_prompts/i/{prompt}").status == 404
