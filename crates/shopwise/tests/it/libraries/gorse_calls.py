"""Makes every call of pygorse, unchanged, against the server.

gorse_calls.py ENTRY_POINT TOKEN prints one JSON object when everything was as gorse would have it:
`calls`, how many calls were made. ENTRY_POINT is the address that a shop changes.
"""

import asyncio
import json
import sys

from gorse import AsyncGorse, Gorse, GorseException

calls = 0


def expect(found, wanted, what):
    """Ends the program when a call did not give what it must."""
    global calls
    calls += 1
    if found != wanted:
        sys.exit(f"{what}: wanted {wanted!r}, got {found!r}")


def refused(status, what, call, *arguments):
    """Ends the program when a call was not refused with a status."""
    try:
        found = call(*arguments)
    except GorseException as error:
        expect(error.status_code, status, f"{what} ({error.message})")
    else:
        sys.exit(f"{what}: was not refused: {found!r}")


def users(client):
    ann = {"UserId": "gorse-ann", "Labels": {"plan": "gold", "likes": ["tea"]}, "Comment": "Ann"}
    expect(client.insert_user(ann), {"RowAffected": 1}, "insert_user")
    expect(client.get_user("gorse-ann"), ann, "get_user")
    more = [{"UserId": f"gorse-u{at}", "Labels": ["a"], "Comment": ""} for at in range(3)]
    expect(client.insert_users(more), {"RowAffected": 3}, "insert_users")
    found, cursor = [], ""
    while True:
        page, cursor = client.get_users(2, cursor)
        found += page
        if not cursor:
            break
    expect([user["UserId"] for user in found], ["gorse-ann"] + [u["UserId"] for u in more], "get_users")
    expect(client.delete_user("gorse-u2"), {"RowAffected": 1}, "delete_user")
    refused(404, "a deleted user", client.get_user, "gorse-u2")


def items(client):
    lamp = {
        "ItemId": "gorse-lamp",
        "IsHidden": False,
        "Categories": ["gorse-light", "gorse-home"],
        "Timestamp": "2031-01-01T00:00:00Z",
        "Labels": ["warm", "small"],
        "Comment": "A lamp",
    }
    expect(client.insert_item(lamp), {"RowAffected": 1}, "insert_item")
    expect(client.get_item("gorse-lamp"), lamp, "get_item")
    patch = client.update_item("gorse-lamp", is_hidden=True, labels=["cold"], comment="A torch")
    expect(patch, {"RowAffected": 1}, "update_item")
    lamp.update({"IsHidden": True, "Labels": ["cold"], "Comment": "A torch"})
    expect(client.get_item("gorse-lamp"), lamp, "update_item changes what it names")
    found = client.search_items("TORCH gorse-light")
    expect([item["ItemId"] for item in found], ["gorse-lamp"], "search_items")
    page, cursor = client.get_items(1)
    expect((len(page), bool(cursor)), (1, True), "get_items")
    after, _ = client.get_items(1, cursor)
    expect(after[0]["ItemId"] > page[0]["ItemId"], True, "get_items goes on")
    expect(client.update_item("gorse-lamp", is_hidden=False), {"RowAffected": 1}, "update_item")
    expect(client.insert_item({"ItemId": "gorse-gone"}), {"RowAffected": 1}, "insert_item")
    expect(client.delete_item("gorse-gone"), {"RowAffected": 1}, "delete_item")
    refused(404, "a deleted item", client.get_item, "gorse-gone")


def feedback(client):
    moment = "2026-02-24T10:00:00Z"
    expect(
        client.insert_feedback("read", "gorse-ann", "p1", moment, 2), {"RowAffected": 1}, "insert"
    )
    later = {"FeedbackType": "read", "UserId": "gorse-ann", "ItemId": "p1", "Value": 3,
             "Timestamp": "2026-02-25T10:00:00Z"}
    star = {"FeedbackType": "star", "UserId": "gorse-bob", "ItemId": "p2", "Timestamp": "2026-02-24"}
    wink = {"FeedbackType": "wink", "UserId": "gorse-bob", "ItemId": "gorse-lamp",
            "Timestamp": moment, "Labels": ["twice"]}
    expect(client.insert_feedbacks([later, star, wink]), {"RowAffected": 3}, "insert_feedbacks")
    [read] = client.list_feedbacks("read", "gorse-ann")
    expect(
        (read["ItemId"], read["Value"], read["Timestamp"], read["Updated"]),
        ("p1", 5, moment, "2026-02-25T10:00:00Z"),
        "feedback adds up",
    )
    expect(client.list_feedbacks("read>=6", "gorse-ann"), [], "feedback with a bound")
    expect(client.get_user("gorse-bob")["UserId"], "gorse-bob", "a user made by feedback")
    found, cursor = [], ""
    while True:
        page, cursor = client.get_feedbacks(2, cursor)
        found += page
        if not cursor:
            break
    kinds = [(one["FeedbackType"], one["UserId"], one["ItemId"]) for one in found]
    expect(
        kinds,
        [("read", "gorse-ann", "p1"), ("star", "gorse-bob", "p2"), ("wink", "gorse-bob", "gorse-lamp")],
        "get_feedbacks",
    )
    expect(found[2]["Labels"], ["twice"], "labels of feedback")
    expect(client.delete_feedback("gorse-bob", "p2"), {"RowAffected": 1}, "delete_feedback")
    expect(client.delete_feedback("gorse-bob", "p2"), {"RowAffected": 0}, "delete it again")
    expect(client.list_feedbacks("star", "gorse-bob"), [], "deleted feedback")


def lists(client):
    found = client.get_recommend("gorse-ann", n=5)
    expect(len({one.id for one in found}), 5, "get_recommend")
    rest = client.get_recommend("gorse-ann", n=3, offset=2)
    expect([one.id for one in rest], [one.id for one in found[2:]], "get_recommend from an offset")
    expect(client.get_recommend("gorse-ann", category="no such category"), [], "of a category")
    inside = client.get_recommend("gorse-ann", category="gorse-home", n=500)
    expect([one.id for one in inside], ["gorse-lamp"], "of the second category of an item")
    shown = client.get_recommend("gorse-cyd", n=2, write_back_type="read", write_back_delay="0s")
    noted = client.list_feedbacks("read", "gorse-cyd")
    expect({one["ItemId"] for one in noted}, {one.id for one in shown}, "write back")
    client.get_recommend("gorse-dan", n=2, write_back_type="read", write_back_delay="1h0m0s")
    expect(client.list_feedbacks("read", "gorse-dan"), [], "write back that is not due")
    session = [{"FeedbackType": "read", "UserId": "", "ItemId": "p3", "Timestamp": "2026-02-24"}]
    found = client.session_recommend(session, n=4)
    expect(len(found), 4, "session_recommend")
    expect("p3" in [one["Id"] for one in found], False, "what the session has is not in its list")
    near = client.get_neighbors("p1", n=3)
    expect(all(one["Id"] != "p1" for one in near), True, "get_neighbors")
    expect(client.get_neighbors("no-such-item"), [], "neighbours of nothing")


async def asynchronous(client):
    expect(await client.insert_user({"UserId": "gorse-eve"}), {"RowAffected": 1}, "insert_user")
    expect((await client.get_user("gorse-eve"))["UserId"], "gorse-eve", "get_user")
    expect(await client.insert_users([{"UserId": "gorse-fay"}]), {"RowAffected": 1}, "insert_users")
    expect(len((await client.get_users(1))[0]), 1, "get_users")
    expect(await client.insert_item({"ItemId": "gorse-pen"}), {"RowAffected": 1}, "insert_item")
    expect((await client.get_item("gorse-pen"))["ItemId"], "gorse-pen", "get_item")
    expect(await client.update_item("gorse-pen", comment="Pen"), {"RowAffected": 1}, "update_item")
    expect(len(await client.search_items("pen")) > 0, True, "search_items")
    expect(len((await client.get_items(1))[0]), 1, "get_items")
    given = await client.insert_feedback("like", "gorse-eve", "gorse-pen", "2026-02-24")
    expect(given, {"RowAffected": 1}, "insert_feedback")
    expect(await client.insert_feedbacks([]), {"RowAffected": 0}, "insert_feedbacks")
    expect(len(await client.list_feedbacks("like", "gorse-eve")), 1, "list_feedbacks")
    expect(len((await client.get_feedbacks(1))[0]), 1, "get_feedbacks")
    found = await client.delete_feedback("gorse-eve", "gorse-pen")
    expect(found, {"RowAffected": 1}, "delete_feedback")
    expect(len(await client.get_recommend("gorse-eve", n=3)), 3, "get_recommend")
    expect(len(await client.session_recommend([], n=3)), 3, "session_recommend")
    expect(len(await client.get_neighbors("p1", n=1)) <= 1, True, "get_neighbors")
    expect(await client.delete_item("gorse-pen"), {"RowAffected": 1}, "delete_item")
    for user in ["gorse-eve", "gorse-fay"]:
        expect(await client.delete_user(user), {"RowAffected": 1}, "delete_user")


entry_point, token = sys.argv[1:]
own = Gorse(entry_point, token, timeout=30)
users(own)
items(own)
feedback(own)
lists(own)
refused(401, "a wrong key", Gorse(entry_point, "wrong").get_user, "gorse-ann")
refused(400, "a moment that is none", own.insert_feedback, "read", "u", "i", "soon")
asyncio.run(asynchronous(AsyncGorse(entry_point, token)))
print(json.dumps({"calls": calls}))
