"""Words, names and numbers for what is written in the pictures."""

from families.drawing import Random, digits, one_of, whole


def listed(text: str, separator: str | None = None) -> list[str]:
    """What a text names."""
    return text.split(separator)


WORDS = listed(
    "about above across action after again along answer any area around autumn back bank before begin below bench "
    "between bird blue board body book bridge bright build calm carry case castle change child circle city class "
    "clear cloud coast cold colour common copper corner country course cover cross dark daily day deep desk detail "
    "distance door down dream drive early earth east edge engine even every exact eye fair family farm fast field "
    "final fire first fish floor flower follow forest form free fresh front full garden gate gentle given glass gold "
    "grain great green ground group half hand harbour hard heavy high hill history home horse hour house idea inner "
    "iron island journey kind kitchen lake land large last late leaf learn left letter level light line little local "
    "long lower main many map market matter meadow measure middle mile mill minute mirror month moon morning motion "
    "mountain music narrow nature near new night noise north note number ocean office old open orange order other "
    "outer over page paint paper part past path pattern people place plain plan plant plate play point pond power "
    "press quarter question quick quiet rail rain range rapid reason record red rest return rich right river road "
    "rock room round rule sail salt sand scale school sea season second seed series shade shape sharp ship shore "
    "short side signal silent silver simple single slow small smooth snow soft song sound south space spring square "
    "stage station steady steel stone storm story street strong study summer sun supply surface table tall tide time "
    "timber tower town trace trade train travel tree turn under upper valley value view village voice walk wall warm "
    "watch water wave way weather week west wheel white whole wide wild wind window winter wire wood word work world "
    "yard year yellow young"
)
FIRST = listed(
    "Ada Anton Bea Boris Carla Cyril Dora Edgar Elin Emma Felix Fiona Georg Greta Hanna Hugo Ida Igor Jana Jonas Karl "
    "Klara Lena Leo Mara Milan Nadia Nils Olga Oscar Paula Pavel Rita Robin Sara Simon Tara Theo Ulla Vera Victor Wanda"
)
LAST = listed(
    "Abel Adler Baker Berger Brandt Carver Castell Dahl Dvorak Eriksen Fischer Fontana Gruber Hansen Horvat Ivanov "
    "Jansen Keller Kovac Larsen Lindt Marino Meyer Moreau Nagy Novak Olsen Pereira Petrov Quinn Rossi Sandberg Schmid "
    "Silva Tanaka Turner Urban Vogel Weber Winter Yilmaz Zeman"
)
TOWNS = listed(
    "Aldbury Brookfield Castleton Dunmore Easthaven Fairview Greenford Highgate Ironbridge Kingsley Lakeside Millbrook "
    "Northwood Oakham Parkstone Redhill Stonebridge Thornton Upwell Westbrook"
)
GOODS = listed(
    "Bolt M8;Cable 2 m;Copper pipe;Desk lamp;Door hinge;Drill bit;Filter set;Garden hose;Gloves;Hand saw;Ink "
    "cartridge;Ladder;Light bulb;Masking tape;Nails 50 mm;Oil can;Paint white;Paper A4;Pump seal;Rope 10 m;Rubber "
    "mat;Safety vest;Sand paper;Screwdriver;Shelf board;Socket;Spade;Switch box;Tape measure;Toner;Valve;Washer M6;"
    "Wire brush;Wood glue;Wrench;Work light",
    ";",
)


def sentence(random: Random, least: int, most: int) -> str:
    """Some words."""
    return " ".join(one_of(random, WORDS) for _ in range(whole(random, least, most)))


def name(random: Random) -> str:
    """A first and a last name."""
    return f"{one_of(random, FIRST)} {one_of(random, LAST)}"


def street(random: Random) -> str:
    """A street and a house."""
    kind = one_of(random, ("Street", "Road", "Lane", "Square"))
    return f"{one_of(random, WORDS).capitalize()} {kind} {whole(random, 1, 240)}"


def town(random: Random) -> str:
    """A postcode and a town."""
    return f"{digits(random, 5)} {one_of(random, TOWNS)}"


def date(random: Random) -> str:
    """A day."""
    return f"{whole(random, 1, 28):02d}.{whole(random, 1, 12):02d}.{whole(random, 1951, 2027)}"


def money(random: Random, most: int = 2000) -> str:
    """An amount."""
    return f"{random.uniform(1, most):.2f}"
