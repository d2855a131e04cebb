"""The customers that the demo's letters are written to."""

from __future__ import annotations

from typing import NamedTuple

from outreach.demo.people import (
    Consent,
    Person,
    Tie,
    at_the_fair,
    at_the_form,
    wrote_to_us,
)

FIRST_ID, ID_STEP = 1_401_500_000_000_000_000, 6_700_417_000_001
PORTO, GHENT = "Porto makers’ fair", "Ghent print fair"


class _Row(NamedTuple):
    handle: str
    name: str
    first_name: str
    time_zone: str
    consent: Consent | None
    favourite: str
    last_order: str = ""
    tags: str = ""
    tie: Tie = Tie.MUTUAL
    dms_open: bool = True


def regulars() -> tuple[Person, ...]:
    """All of them, each with the id they have in the sandbox."""
    return tuple(
        _person(FIRST_ID + number * ID_STEP, row) for number, row in enumerate(ROWS, start=1)
    )


def _person(x_user_id: int, row: _Row) -> Person:
    attributes = {"favourite_print": row.favourite, "last_order": row.last_order}
    return Person(
        x_user_id=x_user_id,
        handle=row.handle,
        name=row.name,
        first_name=row.first_name,
        time_zone=row.time_zone,
        tie=row.tie,
        consent=row.consent,
        tags=tuple(tag for tag in row.tags.split(", ") if tag),
        attributes={key: value for key, value in attributes.items() if value},
        dms_open=row.dms_open,
    )


ROWS = (
    _Row("hannahberg", "Hannah Berg", "Hannah", "Europe/Oslo",
         wrote_to_us("The fox came out a bit faint on my tee. Is that how it should be?", 4,
                     we_said="No, that is our screen, not you. I am looking into it. Jo"),
         "fox", "fox tee", "fox tee"),
    _Row("tomreyes", "Tom Reyes", "Tom", "America/Denver",
         wrote_to_us("Any chance the whale comes back as a tea towel?", 61),
         "whale", "whale tea towel", "", Tie.WE_FOLLOW),
    _Row("lukasz_tea", "Łukasz Żak", "Łukasz", "Europe/Warsaw", None,
         "moth", "moth scarf"),
    _Row("elifaydin", "Elif Aydın", "Elif", "Europe/Istanbul",
         at_the_fair(198, PORTO), "heron", "", "fair", Tie.THEY_FOLLOW),
    _Row("benokafor", "Ben Okafor", "Ben", "Africa/Lagos",
         at_the_form(82, 1204), "badger", "badger tote"),
    _Row("anaprado", "Ana Prado", "Ana", "America/Recife",
         wrote_to_us("Is the blue on the heron real indigo?", 11,
                     we_said="It is. We mix it on Mondays; I will show you one day. Jo"),
         "heron", "heron tee"),
    _Row("mariasousa_pt", "Maria Sousa", "Maria", "Europe/Lisbon",
         wrote_to_us("Which ink is that on the otter? It survived 40 washes!", 9),
         "otter", "otter tee", "collects"),
    _Row("meitan_draws", "Mei Tan", "Mei", "Asia/Singapore",
         at_the_form(45, 1310), "fern", "fern apron"),
    _Row("karlvoss_", "Karl Voss", "Karl", "Europe/Berlin",
         wrote_to_us("My badger tote lost its strap button. Can I sew on any?", 6),
         "badger", "badger tote"),
    _Row("aishanoor_k", "Aisha Noor", "Aisha", "Asia/Karachi",
         wrote_to_us("I teach printing to ten-year-olds. Do you sell lino offcuts?", 3),
         "fern", "", "teacher"),
    _Row("aoi_paper", "佐藤 葵", "葵", "Asia/Tokyo",
         at_the_fair(120, GHENT), "night train", "night train print", "fair, collects"),
    _Row("priyaraman_", "பிரியா ராமன்", "Priya", "Asia/Kolkata",
         at_the_form(33, 1355), "moth", "moth scarf"),
    _Row("daria_koval", "Дарʼя Коваль", "Дарʼя", "Europe/Kyiv",
         wrote_to_us("How do you get the gold so even on the moth?", 13),
         "moth", "moth print"),
    _Row("minseo_threads", "김민서", "민서", "Asia/Seoul",
         at_the_form(70, 1251), "beetle", "beetle tee"),
    _Row("noalevi_makes", "נועה לוי", "נועה", "Asia/Jerusalem",
         at_the_fair(199, PORTO), "fern", "fern tote", "fair"),
    _Row("lenapappa", "Λένα Παππά", "Λένα", "Europe/Athens",
         wrote_to_us("Do the beetle pins come in green?", 5), "beetle", "beetle pin"),
    _Row("amara_diallo_", "Amara Diallo", "Amara", "Africa/Dakar",
         at_the_form(28, 1377), "heron", "heron scarf"),
    _Row("leila_haddad_", "ليلى حداد", "ليلى", "Asia/Beirut",
         wrote_to_us("The scarf is lovely. What is it woven on?", 8), "heron", "heron scarf"),
    _Row("siobhan_byrne", "Siobhán Byrne", "Siobhán", "Europe/Dublin",
         at_the_form(52, 1290), "otter", "otter tea towel"),
    _Row("mateoquispe", "Mateo Quispe", "Mateo", "America/Lima",
         at_the_fair(121, GHENT), "fox", "fox tee", "fair, fox tee"),
    _Row("oskar_lind_", "Oskar Lindgren", "Oskar", "Europe/Stockholm",
         at_the_form(64, 1268), "whale", "whale tee"),
    _Row("thandiwe_m", "Thandiwe Mokoena", "Thandiwe", "Africa/Johannesburg",
         wrote_to_us("Would you print a protea one day?", 2), "fern", "fern tee"),
    _Row("thuha_sketches", "Nguyễn Thu Hà", "Hà", "Asia/Ho_Chi_Minh",
         at_the_form(21, 1391), "", "beetle tee"),
    _Row("jonas_petr", "Jonas Petrauskas", "Jonas", "Europe/Vilnius",
         at_the_form(90, 1188), "night train", "night train tee"),
    _Row("gracewanjiru_", "Grace Wanjiru", "Grace", "Africa/Nairobi",
         at_the_form(40, 1322), "heron", "heron tee"),
    _Row("pedrosalgado_", "Pedro Salgado", "Pedro", "Europe/Madrid",
         at_the_fair(197, PORTO), "badger", "badger tee", "fair"),
    _Row("ingridsolheim", "Ingrid Solheim", "Ingrid", "Europe/Oslo",
         at_the_form(110, 1140), "fox", "fox tee", "fox tee"),
    _Row("sunita_thapa_", "Sunita Thapa", "Sunita", "Asia/Kathmandu",
         wrote_to_us("Could the shop in Patan carry your pins?", 4), "beetle", "", "stockist"),
    _Row("tearohangata", "Te Aroha Ngata", "Te Aroha", "Pacific/Auckland",
         wrote_to_us("Your fern reminds me of home.", 15), "fern", "fern print", "collects"),
    _Row("chloemartin_fr", "Chloé Martin", "Chloé", "Europe/Paris",
         at_the_fair(122, GHENT), "night train", "night train tote", "fair"),
    _Row("wkealoha", "William Kealoha", "", "Pacific/Honolulu",
         at_the_form(17, 1402), "whale", "whale tee"),
    _Row("yusuf_prints", "Yusuf Ali", "Yusuf", "",
         wrote_to_us("Do you take interns in summer?", 12), "fox", ""),
    _Row("marguerite_dn", "Marguerite Dion", "Marguerite", "America/Montreal",
         at_the_form(75, 1244), "otter", "otter scarf", "", Tie.MUTUAL, False),
)  # fmt: skip
