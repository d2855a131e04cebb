"""Names for the crowd: invented people of many scripts and cultures.

Common given and family names of each language, put together by chance; nobody is meant.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

# What does not come apart into a letter and an accent.
_WHOLE = str.maketrans("łŁøØđĐðþÞßæœıə", "lLoOdDdtTsaoie")


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is written at home, and in Latin letters for the handle."""

    written: str
    latin: str


@dataclass(frozen=True, slots=True)
class Culture:
    """Where names come from and how they are put together."""

    zones: tuple[str, ...]
    given: tuple[Name, ...]
    family: tuple[Name, ...]
    family_first: bool = False
    between: str = " "


def plain(name: str) -> str:
    """The Latin letters of a name without accents, in lower case."""
    apart = unicodedata.normalize("NFKD", name.translate(_WHOLE))
    return "".join(letter for letter in apart if letter.isascii() and letter.isalpha()).lower()


def _names(words: str) -> tuple[Name, ...]:
    """Names parted by spaces; `native:latin` where the script is not Latin."""
    parts = (word.partition(":") for word in words.split())
    return tuple(Name(written, plain(latin or written)) for written, _, latin in parts)


CULTURES = (
    Culture(
        ("Europe/Lisbon", "Atlantic/Madeira"),
        _names("Inês Tomás Beatriz Duarte Leonor Rui Matilde"),
        _names("Carvalho Teixeira Fonseca Barros Magalhães Pinho"),
    ),
    Culture(
        ("America/Sao_Paulo", "America/Recife", "America/Manaus"),
        _names("João Luísa Caio Jaqueline Thiago Rosângela"),
        _names("Araújo Nascimento Conceição Moura Galvão Peixoto"),
    ),
    Culture(
        ("America/Mexico_City", "America/Bogota", "America/Lima", "America/Santiago"),
        _names("Ximena Andrés Lucía Íñigo Marisol Joaquín"),
        _names("Cárdenas Huamán Villalobos Ospina Yáñez Quiroga"),
    ),
    Culture(
        ("Europe/Madrid", "Atlantic/Canary"),
        _names("Nerea Iker Montserrat Álvaro Begoña Xoán"),
        _names("Etxeberria Ferrer Castaño Vila Nogueira Ibáñez"),
    ),
    Culture(
        ("Europe/Paris", "America/Montreal", "Africa/Abidjan"),
        _names("Zoé Étienne Maëlle Cédric Noémie Loïc"),
        _names("Lefèvre Garnier Bélanger Kouassi Moreau Prévost"),
    ),
    Culture(
        ("Europe/Berlin", "Europe/Vienna", "Europe/Zurich"),
        _names("Jürgen Käthe Lennart Mareike Jörg Annelie"),
        _names("Großmann Vogel Zürcher Brandt Kühn Steiner"),
    ),
    Culture(
        ("Europe/Oslo", "Europe/Stockholm", "Europe/Copenhagen", "Atlantic/Reykjavik"),
        _names("Åse Bjørn Sigrún Torkel Maja Þórdís"),
        _names("Solberg Lindqvist Østergaard Nygård Halvorsen Bergström"),
    ),
    Culture(
        ("Europe/Warsaw", "Europe/Prague"),
        _names("Zofia Łucja Jiří Władek Božena Kacper"),
        _names("Wiśniewska Dvořák Nowacki Śliwa Černý Zięba"),
    ),
    Culture(
        ("Europe/Kyiv", "Europe/Sofia"),
        _names("Оксана:Oksana Тарас:Taras Соломія:Solomiia Андрій:Andrii Калина:Kalyna"),
        _names("Бондар:Bondar Мельник:Melnyk Гончар:Honchar Ткач:Tkach Вовк:Vovk"),
    ),
    Culture(
        ("Europe/Athens",),
        _names("Ελένη:Eleni Νίκος:Nikos Δάφνη:Dafni Στέλιος:Stelios Ίρις:Iris"),
        _names("Παπαδάκη:Papadaki Βλάχος:Vlachos Μελά:Mela Ράπτης:Raptis"),
    ),
    Culture(
        ("Europe/Istanbul",),
        _names("Çiğdem Görkem İpek Oğuz Şule Barış"),
        _names("Yıldız Özkan Şahin Çelik Doğan Akın"),
    ),
    Culture(
        ("Asia/Beirut", "Africa/Cairo", "Asia/Amman", "Africa/Casablanca"),
        _names("ريم:Reem سامي:Sami هالة:Hala طارق:Tariq نادية:Nadia يوسف:Youssef"),
        _names("خوري:Khoury منصور:Mansour نجار:Najjar حداد:Haddad"),
    ),
    Culture(
        ("Asia/Jerusalem",),
        _names("תמר:Tamar איתן:Eitan שירה:Shira יונתן:Yonatan"),
        _names("ברק:Barak שלו:Shalev אלון:Alon"),
    ),
    Culture(
        ("Asia/Tehran", "Asia/Kabul"),
        _names("شیرین:Shirin کاوه:Kaveh پرستو:Parastoo آرش:Arash"),
        _names("کریمی:Karimi رستمی:Rostami نوری:Nouri"),
    ),
    Culture(
        ("Asia/Kolkata",),
        _names("अनन्या:Ananya रोहन:Rohan मीरा:Meera आदित्य:Aditya"),
        _names("देशपांडे:Deshpande शर्मा:Sharma जोशी:Joshi कुलकर्णी:Kulkarni"),
    ),
    Culture(
        ("Asia/Kolkata", "Asia/Colombo"),
        _names("கவிதா:Kavitha அருண்:Arun மாலதி:Malathi"),
        _names("சுந்தரம்:Sundaram ராஜன்:Rajan முருகன்:Murugan"),
    ),
    Culture(
        ("Asia/Karachi", "Asia/Dhaka", "Asia/Colombo"),
        _names("Mehwish Bilal Farzana Tanvir Sanduni Nuwan"),
        _names("Qureshi Chowdhury Perera Siddiqui Rahman Wickrama"),
    ),
    Culture(
        ("Asia/Shanghai", "Asia/Taipei", "Asia/Singapore"),
        _names("晓梅:Xiaomei 子轩:Zixuan 雅婷:Yating 明哲:Mingzhe 思远:Siyuan"),
        _names("陈:Chen 林:Lin 王:Wang 欧阳:Ouyang 许:Xu"),
        family_first=True,
        between="",
    ),
    Culture(
        ("Asia/Tokyo",),
        _names("葵:Aoi 蓮:Ren 美咲:Misaki 大翔:Hiroto さくら:Sakura"),
        _names("田中:Tanaka 小川:Ogawa 高橋:Takahashi 森:Mori"),
        family_first=True,
    ),
    Culture(
        ("Asia/Seoul",),
        _names("서연:Seoyeon 민준:Minjun 하은:Haeun 지호:Jiho"),
        _names("박:Park 최:Choi 정:Jung 한:Han"),
        family_first=True,
        between="",
    ),
    Culture(
        ("Asia/Ho_Chi_Minh",),
        _names("Thảo Đức Hương Khánh"),
        _names("Nguyễn Trần Phạm Đặng"),
        family_first=True,
    ),
    Culture(
        ("Asia/Bangkok",),
        _names("สุดา:Suda มานะ:Mana ปรียา:Preeya"),
        _names("ใจดี:Jaidee วงศ์ทอง:Wongthong ศรีสุข:Srisuk"),
    ),
    Culture(
        ("Asia/Manila", "Asia/Jakarta", "Asia/Makassar"),
        _names("Ligaya Wayan Putri Dalisay Bayu"),
        _names("Bautista Santoso Reyes Wijaya Magsaysay"),
    ),
    Culture(
        ("Africa/Lagos", "Africa/Accra"),
        _names("Adéọlá Chinedu Ngozi Kwabena Yetunde Ama"),
        _names("Adébáyọ̀ Okonkwo Mensah Eze Owusu Balogun"),
    ),
    Culture(
        ("Africa/Nairobi", "Africa/Addis_Ababa", "Africa/Johannesburg"),
        _names("Wanjiku Otieno ሰላም:Selam Thabo Nomvula ዳዊት:Dawit"),
        _names("Kamau Achieng Tesfaye Dlamini Mutua Bekele"),
    ),
    Culture(
        ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
        _names("Rosalind Dwayne Imogen Tyrell Clementine Wyatt"),
        _names("Whitaker Delacroix Huang Begay O'Malley Castellano"),
    ),
    Culture(
        ("Europe/London", "Europe/Dublin", "Australia/Sydney", "Pacific/Auckland"),
        _names("Niamh Alasdair Cerys Aroha Fergus Tāne"),
        _names("MacLeod Parata Llewellyn Byrne Ashworth Ngata"),
    ),
)
