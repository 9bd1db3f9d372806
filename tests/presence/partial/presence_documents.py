"""Random presence documents, valid and oddly written, for property tests."""

from hypothesis import strategies as st

ENTITY = "sip:alice@example.com"
BLANKS = st.sampled_from(["", "", "\n", "\n  ", " \t"])
NOTES = st.sampled_from(["here", "a &lt; b", "", " two  words ", "\u00e9", "<![CDATA[<x>]]>"])
EXTENSIONS = st.sampled_from(
    [
        "",
        '<x:e xmlns:x="urn:a">1</x:e>',
        '<x:e xmlns:x="urn:b" x:k="v"><x:f/></x:e>',
        '<e xmlns="urn:a"> <f xmlns="">t</f></e>',
        '<y:e xmlns:y="urn:a">1<!-- c -->2</y:e>',
        '<e xmlns="urn:c" k="&#10;"/><e xmlns="urn:c" k="&#10;"/>',
    ]
)
BASICS = st.sampled_from(["", "<basic>open</basic>", "<basic>closed</basic>"])
ACTIVITIES = st.lists(
    st.sampled_from(["<r:away/>", "<r:busy/>", "<r:on-the-phone/>"]), unique=True, max_size=3
)


@st.composite
def tuples(draw: st.DrawFn, name: str) -> str:
    blank = draw(BLANKS)
    notes = "".join(f"<note>{note}</note>{blank}" for note in draw(st.lists(NOTES, max_size=2)))
    contact = draw(st.sampled_from(["", "<contact>sip:a@b</contact>"]))
    return (
        f'<tuple id="{name}">{blank}<status>{draw(BASICS)}{draw(EXTENSIONS)}</status>{blank}'
        f"{draw(EXTENSIONS)}{contact}{blank}{notes}</tuple>"
    )


@st.composite
def persons(draw: st.DrawFn) -> str:
    activities = draw(ACTIVITIES)
    inside = f"<r:activities>{''.join(activities)}</r:activities>" if activities else ""
    return (
        '<dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        f' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" id="p">{inside}</dm:person>'
    )


@st.composite
def wild_documents(draw: st.DrawFn) -> bytes:
    """One document of alice: tuples, notes, a person, extensions, in any order."""
    names = draw(st.lists(st.sampled_from(["t1", "t2", "t3", "t4"]), unique=True, max_size=4))
    children = [draw(tuples(name)) for name in names]
    children += [f"<note>{note}</note>" for note in draw(st.lists(NOTES, max_size=2))]
    children += draw(st.lists(persons(), max_size=1))
    children.append(draw(EXTENSIONS))
    blank = draw(BLANKS)
    inside = "".join(child + blank for child in draw(st.permutations(children)))
    declared = draw(st.sampled_from(["", "", ' xmlns:x="urn:a"', ' xmlns:z="urn:z" z:k="v"']))
    before = draw(st.sampled_from(["", "", '<?xml version="1.0"?>\n', "<!-- <p> -->"]))
    return (
        f'{before}<presence xmlns="urn:ietf:params:xml:ns:pidf"{declared} entity="{ENTITY}">'
        f"{inside}</presence>"
    ).encode()


def variants(*texts: str) -> st.SearchStrategy[str]:
    """The first of `texts` mostly, so that two documents have much in common."""
    return st.sampled_from([texts[0]] * (4 * len(texts)) + list(texts[1:]))


LONG = "<contact>sip:a-rather-long-device-name-of-the-first-kind@example.com</contact>"
TUPLE = '<tuple id="{}"><status><basic>{}</basic></status>{}<note>{}</note></tuple>'
SLOTS = (
    variants("", '<?xml version="1.0"?>', "<!-- <p> -->"),
    variants(
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{ENTITY}">',
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:x="urn:a" entity="{ENTITY}">',
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:z="urn:z" z:k="v" entity="{ENTITY}">',
    ),
    variants(
        TUPLE.format("t1", "open", LONG, "here"),
        TUPLE.format("t1", "closed", LONG, "here"),
        TUPLE.format("t1", "open", LONG, "a &lt; b"),
        TUPLE.format("t1", "open", '<x:e xmlns:x="urn:b" x:k="v"/>' + LONG, "here"),
    ),
    variants("\n", "", "\n  "),
    variants(
        TUPLE.format("t2", "open", LONG, "one") + TUPLE.format("t3", "open", LONG, "two"),
        TUPLE.format("t3", "open", LONG, "two") + TUPLE.format("t2", "open", LONG, "one"),
        TUPLE.format("t3", "open", LONG, "two"),
        TUPLE.format("t2", "open", LONG, "two") + TUPLE.format("t3", "open", LONG, "one"),
        TUPLE.format("t2", "closed", LONG, "one") + TUPLE.format("t3", "open", LONG, ""),
    ),
    variants("", "<note>same</note><note>same</note>", "<note>same</note>", "\n<!-- c -->"),
    variants(
        '<dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" id="p"/>',
        "",
        '<dm:person xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" id="q">'
        '<r:activities xmlns:r="urn:ietf:params:xml:ns:pidf:rpid"><r:busy/></r:activities>'
        "</dm:person>",
    ),
    variants("", '<e xmlns="urn:c" k="1"/>', '<e xmlns="urn:c" k="2"> <f xmlns="">t</f></e>'),
    st.just("</presence>"),
)
ALIKE = st.tuples(*SLOTS).map(lambda pieces: "".join(pieces).encode())


def presence_documents() -> st.SearchStrategy[bytes]:
    """Documents that are mostly alike, so that telling the difference pays."""
    return st.one_of(ALIKE, ALIKE, ALIKE, ALIKE, ALIKE, wild_documents())
