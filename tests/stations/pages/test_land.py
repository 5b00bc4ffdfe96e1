"""The land below the tiles, as a browser draws it."""

import re

from browser import in_browser
from playwright.sync_api import Page

A_MAP_OF_LAND = """async () => {
  const base = document.querySelector("script[src*=leaflet]").src;
  const { addLand } = await import(new URL("land.js", base));
  const place = document.body.appendChild(document.createElement("div"));
  place.style = "position: fixed; inset: 0; z-index: 9; width: 800px; height: 600px";
  window.land = L.map(place, { fadeAnimation: false }).setView([25, 5], 2);
  addLand(land);
}"""
COLOUR_IN_ITS_MIDDLE = """() => {
  for (const canvas of land.getPane("land").querySelectorAll("canvas")) {
    const { left, right, top, bottom } = canvas.getBoundingClientRect();
    if (left > 400 || right <= 400 || top > 300 || bottom <= 300) continue;
    return String(canvas.getContext("2d").getImageData(400 - left, 300 - top, 1, 1).data);
  }
}"""
IS = f"colour => ({COLOUR_IN_ITS_MIDDLE})() === colour"


@in_browser
def test_land_is_drawn_in_the_colours_of_the_page_on_each_copy_of_the_world(
    offline_page: Page, live_url: str
):
    fine: list[str] = []
    offline_page.goto(live_url)
    offline_page.on("request", lambda request: fine.extend(re.findall("land-fine", request.url)))
    offline_page.evaluate(A_MAP_OF_LAND)
    offline_page.wait_for_function(IS, arg="244,241,234,255")  # the Sahara
    offline_page.emulate_media(color_scheme="dark")
    offline_page.wait_for_function(IS, arg="43,51,59,255")
    offline_page.evaluate("land.setView([25, 365], 3, { animate: false })")
    offline_page.wait_for_function(IS, arg="43,51,59,255")
    offline_page.evaluate("land.setView([25, -40], 3, { animate: false })")
    offline_page.wait_for_function(IS, arg="0,0,0,0")  # the Atlantic
    assert fine == []
    offline_page.evaluate("land.setView([25, 5], 4, { animate: false })")
    offline_page.wait_for_function(IS, arg="43,51,59,255")
    offline_page.evaluate("land.setView([47, 8], 9, { animate: false })")
    offline_page.wait_for_function(IS, arg="43,51,59,255")
    assert fine == ["land-fine"]
