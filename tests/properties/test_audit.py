"""Whatever is changed, removed, added or moved in a chain is found; a tail cut off, by a head kept aside."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from service.audit import GENESIS, Entry, Fault, Head, Link, Verifier
from service.audit._chain import seal_of

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@st.composite
def chains(draw: st.DrawFn) -> list[Link]:
    found: list[Link] = []
    before = GENESIS
    for seq, subject in enumerate(draw(st.lists(TEXTS, min_size=1, max_size=12)), 1):
        entry = Entry(
            "done", draw(TEXTS), subject, NOW, {"after": draw(TEXTS), "version": draw(st.integers(0, 9))}
        ).text()
        before = seal_of(before, seq, entry)
        found.append(Link(seq, entry, before))
    return found


def fault_of(chain: list[Link], *known: Head) -> Fault | None:
    verifier = Verifier(known=known)
    for link in chain:
        verifier.follow(link)
    return verifier.end()


@given(chains())
def test_a_chain_that_was_left_alone_holds(chain: list[Link]) -> None:
    assert fault_of(chain, *(Head(link.seq, link.hash) for link in chain)) is None


@given(chains(), st.data())
def test_a_changed_entry_is_found(chain: list[Link], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(chain) - 1))
    link = chain[place]
    changed = data.draw(
        st.one_of(
            TEXTS.map(lambda text: replace(link, entry=text)),
            st.integers(-3, 20).map(lambda seq: replace(link, seq=seq)),
            st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda value: replace(link, hash=value)),
            st.just(replace(link, entry=link.entry.replace("done", "dome"))),
        )
    )
    assume(changed != link)
    found = fault_of([*chain[:place], changed, *chain[place + 1 :]])
    assert found is not None
    assert found.seq <= place + 2


@given(chains(), st.data())
def test_a_removed_added_or_moved_entry_is_found(chain: list[Link], data: st.DataObject) -> None:
    assume(len(chain) > 1)
    first, second = data.draw(st.lists(st.integers(0, len(chain) - 1), min_size=2, max_size=2, unique=True))
    removed = [link for place, link in enumerate(chain) if place != min(first, second)]
    assert fault_of(removed) is not None
    doubled = [*chain[: first + 1], chain[first], *chain[first + 1 :]]
    assert fault_of(doubled) is not None
    swapped = list(chain)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    assert fault_of(swapped) is not None
    renumbered = [Link(seq, link.entry, link.hash) for seq, link in enumerate(swapped, 1)]
    assert fault_of(renumbered) is not None or swapped[first].entry == swapped[second].entry


@given(chains(), st.data())
def test_a_tail_cut_off_or_forged_is_found_by_a_head_kept_aside(chain: list[Link], data: st.DataObject) -> None:
    kept = Head(chain[-1].seq, chain[-1].hash)
    cut = chain[: data.draw(st.integers(0, len(chain) - 1))]
    assert fault_of(cut) is None, "the chain alone cannot tell"
    found = fault_of(cut, kept)
    assert found is not None
    assert "cut off" in found.what
    before = cut[-1].hash if cut else GENESIS
    for seq in range(len(cut) + 1, len(chain) + 1):
        before = seal_of(before, seq, "forged")
        cut.append(Link(seq, "forged", before))
    assert fault_of(cut, kept) is not None
