//! The routes of gorse's API. go-restful, which gorse uses, reads a path with and without a slash
//! at its end alike, and so do we.

use super::{feedback, health, items, lists, ready, users};
use crate::http::auth::Scope;
use crate::http::routes::{Carries, Route, route};

const WRONG: &[(u16, &str)] = &[(400, "a part of the path or a parameter cannot be read")];
const NO_USER: &[(u16, &str)] = &[WRONG[0], (404, "there is no such user")];
const NO_ITEM: &[(u16, &str)] = &[WRONG[0], (404, "there is no such item")];

const PAGE: &[(&str, &str)] =
    &[("n", "how many; 10 when left out"), ("cursor", "the `Cursor` of the page before")];
const ITEMS: &[(&str, &str)] = &[PAGE[0], PAGE[1], ("q", "words that stand in the item")];
const LIST: &[(&str, &str)] = &[
    PAGE[0],
    ("offset", "how many of the best are left out"),
    ("category", "to which the items belong, once for each"),
    ("user-id", "whose items are left out"),
];
const RECOMMEND: &[(&str, &str)] = &[
    LIST[0],
    LIST[1],
    LIST[2],
    ("write-back-type", "the feedback that the list leaves"),
    ("write-back-delay", "from when on it counts, such as 1h10m0s"),
];

macro_rules! gorse {
    ($method:literal $path:literal $handler:path: $about:literal, $gives:literal) => {
        route!($method, $path, Gorse, $handler, $about).gives(Carries::Json($gives)).also(WRONG)
    };
}

/// The lists, with the category in the query and, as in older versions, in the path.
macro_rules! list {
    ($path:literal $handler:path: $about:literal) => {
        gorse!("GET" $path $handler: $about, "GorseScores").query(LIST)
    };
}

/// All routes of gorse's API.
pub(in crate::http) const ROUTES: &[Route] = &[
    route!("GET", "/gorse/api/health/live", Open, health, "Whether the server runs")
        .gives(Carries::Json("GorseHealth")),
    route!("GET", "/gorse/api/health/ready", Open, ready, "Whether the server can take requests")
        .gives(Carries::Json("GorseHealth"))
        .also(&[(503, "it cannot, and why")]),
    gorse!("POST" "/gorse/api/user" users::insert: "Sets a user", "GorseSuccess")
        .takes(Carries::Json("GorseUser")),
    gorse!("POST" "/gorse/api/users" users::insert_many: "Sets users", "GorseSuccess")
        .takes(Carries::Json("GorseUsers")),
    gorse!("GET" "/gorse/api/users" users::list: "A page of users", "GorsePage").query(PAGE),
    gorse!("GET" "/gorse/api/user/{user-id}" users::get: "A user", "Object").also(NO_USER),
    gorse!("PATCH" "/gorse/api/user/{user-id}" users::modify: "Changes a user", "GorseSuccess")
        .takes(Carries::Json("GorseUserPatch")),
    gorse!("DELETE" "/gorse/api/user/{user-id}" users::delete:
        "Forgets a user and his feedback", "GorseSuccess"),
    gorse!("POST" "/gorse/api/item" items::insert: "Sets an item", "GorseSuccess")
        .takes(Carries::Json("GorseItem")),
    gorse!("POST" "/gorse/api/items" items::insert_many: "Sets items", "GorseSuccess")
        .takes(Carries::Json("GorseItems")),
    gorse!("GET" "/gorse/api/items" items::list: "A page of items", "GorsePage").query(ITEMS),
    gorse!("GET" "/gorse/api/item/{item-id}" items::get: "An item", "Object").also(NO_ITEM),
    gorse!("PATCH" "/gorse/api/item/{item-id}" items::modify: "Changes an item", "GorseSuccess")
        .takes(Carries::Json("GorseItemPatch")),
    gorse!("DELETE" "/gorse/api/item/{item-id}" items::delete:
        "Takes an item off", "GorseSuccess"),
    gorse!("PUT" "/gorse/api/item/{item-id}/category/{category}" items::add_category:
        "Adds a category to an item", "GorseSuccess")
    .also(NO_ITEM),
    gorse!("DELETE" "/gorse/api/item/{item-id}/category/{category}" items::remove_category:
        "Takes a category of an item away", "GorseSuccess")
    .also(NO_ITEM),
    gorse!("POST" "/gorse/api/feedback" feedback::insert: "Adds feedback", "GorseSuccess")
        .takes(Carries::Json("GorseFeedback")),
    gorse!("PUT" "/gorse/api/feedback" feedback::put: "Replaces feedback", "GorseSuccess")
        .takes(Carries::Json("GorseFeedback")),
    gorse!("GET" "/gorse/api/feedback" feedback::list: "A page of feedback", "GorsePage")
        .query(PAGE),
    gorse!("GET" "/gorse/api/feedback/{feedback-type}" feedback::list_typed:
        "A page of feedback of one type", "GorsePage")
    .query(PAGE),
    gorse!("GET" "/gorse/api/feedback/{user-id}/{item-id}" feedback::of_both:
        "What a user did with an item", "GorseList"),
    gorse!("DELETE" "/gorse/api/feedback/{user-id}/{item-id}" feedback::delete_of_both:
        "Takes away what a user did with an item", "GorseSuccess"),
    gorse!("GET" "/gorse/api/feedback/{feedback-type}/{user-id}/{item-id}" feedback::one:
        "One feedback", "Object"),
    gorse!("DELETE" "/gorse/api/feedback/{feedback-type}/{user-id}/{item-id}" feedback::delete_one:
        "Takes one feedback away", "GorseSuccess"),
    gorse!("GET" "/gorse/api/user/{user-id}/feedback" feedback::of_user:
        "What a user did", "GorseList"),
    gorse!("GET" "/gorse/api/user/{user-id}/feedback/{feedback-type}" feedback::of_user_typed:
        "What a user did, of one type", "GorseList"),
    gorse!("GET" "/gorse/api/item/{item-id}/feedback" feedback::of_item:
        "What was done with an item", "GorseList"),
    gorse!("GET" "/gorse/api/item/{item-id}/feedback/{feedback-type}" feedback::of_item_typed:
        "What was done with an item, of one type", "GorseList"),
    gorse!("GET" "/gorse/api/recommend/{user-id}" lists::recommend:
        "What to show a user; with `X-API-Version: 2` with scores", "GorseList")
    .query(RECOMMEND),
    gorse!("GET" "/gorse/api/recommend/{user-id}/{category}" lists::recommend:
        "What of a category to show a user", "GorseList")
    .query(RECOMMEND),
    gorse!("POST" "/gorse/api/session/recommend" lists::session:
        "What to show somebody unknown", "GorseScores")
    .query(LIST)
    .takes(Carries::Json("GorseSession")),
    gorse!("POST" "/gorse/api/session/recommend/{category}" lists::session:
        "What of a category to show somebody unknown", "GorseScores")
    .query(LIST)
    .takes(Carries::Json("GorseSession")),
    list!("/gorse/api/collaborative-filtering/{user-id}" lists::collaborative:
        "What to show a user, with scores"),
    list!("/gorse/api/collaborative-filtering/{user-id}/{category}" lists::collaborative:
        "What of a category to show a user, with scores"),
    list!("/gorse/api/popular" lists::popular: "What most users want"),
    list!("/gorse/api/popular/{category}" lists::popular: "What of a category most users want"),
    list!("/gorse/api/non-personalized/{name}" lists::not_personal: "What most users want"),
    list!("/gorse/api/latest" lists::latest: "What came last"),
    list!("/gorse/api/latest/{category}" lists::latest: "What of a category came last"),
    list!("/gorse/api/item/{item-id}/neighbors" lists::neighbours: "What is like an item"),
    list!("/gorse/api/item/{item-id}/neighbors/{category}" lists::neighbours:
        "What of a category is like an item"),
    list!("/gorse/api/item-to-item/{name}/{item-id}" lists::item_to_item: "What is like an item"),
    list!("/gorse/api/user/{user-id}/neighbors" lists::alike: "Who is like a user"),
    list!("/gorse/api/user-to-user/{name}/{user-id}" lists::alike: "Who is like a user"),
];
