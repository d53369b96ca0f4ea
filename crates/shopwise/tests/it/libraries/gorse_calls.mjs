// Makes every call of gorsejs, unchanged, against the server.
//
// gorse_calls.mjs FOLDER ENDPOINT TOKEN prints one JSON object when everything was as gorse would have
// it: `calls`, how many calls were made. FOLDER has the library, ENDPOINT is the address that a
// shop changes.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [folder, endpoint, secret] = process.argv.slice(2);
const { Gorse } = createRequire(`${folder}/`)("gorsejs");

const client = new Gorse({ endpoint, secret });
let calls = 0;
const expect = async (call, wanted, what) => {
  calls += 1;
  const found = await call;
  assert.deepEqual(found, wanted, what);
  return found;
};
const refused = async (status, call) => {
  calls += 1;
  await assert.rejects(call, (error) => error.name === "GorseException" && error.code === status);
};

// Users.
const ann = { UserId: "js-ann", Labels: ["a", "b"], Comment: "comment" };
await expect(client.insertUser(ann), 1);
await expect(client.getUser("js-ann"), ann);
await expect(client.updateUser("js-ann", { Labels: ["c"] }), 1);
await expect(client.getUser("js-ann"), { ...ann, Labels: ["c"] });
await expect(client.insertUsers([{ UserId: "js-bob" }, { UserId: "js-cyd" }]), 2);
assert.equal((await client.getUsers({ n: 2 })).Users.length, 2);
await expect(client.deleteUser("js-cyd"), 1);
await refused(404, client.getUser("js-cyd"));

// Items.
const moment = "2032-08-07T00:26:46Z";
const lamp = {
  ItemId: "js-lamp",
  IsHidden: false,
  Labels: ["a", "b", "c"],
  Categories: ["js", "home"],
  Timestamp: moment,
  Comment: "comment",
};
await expect(client.upsertItem(lamp), 1);
await expect(client.getItem("js-lamp"), lamp);
await expect(client.updateItem("js-lamp", { Comment: "lamp" }), 1);
await expect(client.insertItemCategory("js-lamp", "new"), 1);
await expect(client.deleteItemCategory("js-lamp", "home"), 1);
await expect(client.getItem("js-lamp"), { ...lamp, Comment: "lamp", Categories: ["js", "new"] });
await refused(404, client.insertItemCategory("js-nothing", "new"));
await expect(client.upsertItems([{ ItemId: "js-gone" }, { ItemId: "js-pen", Timestamp: moment }]), 2);
await expect(client.deleteItem("js-gone"), 1);
await refused(404, client.getItem("js-gone"));
assert.equal((await client.getItems({ n: 3 })).Items.length, 3);

// Feedback.
const given = (type, item) => ({
  FeedbackType: type,
  UserId: "js-ann",
  ItemId: item,
  Timestamp: new Date("2026-02-24T10:00:00Z"),
});
await expect(client.insertFeedbacks([given("like", "p1"), given("read", "p1"), given("read", "p2")]), 3);
await expect(client.upsertFeedbacks([{ ...given("read", "p2"), Value: 7 }]), 1);
const one = await client.getFeedback({ type: "read", userId: "js-ann", itemId: "p2" });
assert.equal(one.Value, 7);
await expect(client.getFeedback({ type: "no", userId: "js-ann", itemId: "p2" }), {});
const types = async (list) => (await list).map((own) => own.FeedbackType).sort();
await expect(types(client.getUserFeedback("js-ann")), ["like", "read", "read"]);
await expect(types(client.getUserFeedbackByType("js-ann", "like")), ["like"]);
const ofItem = (await client.getItemFeedback("p1")).filter((own) => own.UserId === "js-ann");
assert.equal(ofItem.length, 2);
await expect(types(client.getItemFeedbackByType("p2", "read")), ["read"]);
assert.ok((await client.getFeedbacks(undefined, { n: 2 })).Feedback.length === 2);
assert.ok((await client.getFeedbacks("like", { n: 5 })).Feedback.length >= 1);
const deleted = await client.deleteFeedback({ type: "like", userId: "js-ann", itemId: "p1" });
assert.equal(deleted.RowAffected, 1);
await expect(types(client.getUserFeedback("js-ann")), ["read", "read"]);

// Lists.
const n = (count) => ({ cursorOptions: { n: count } });
assert.equal((await client.getRecommend({ userId: "js-ann", ...n(5) })).length, 5);
await expect(client.getRecommend({ userId: "js-ann", category: "js", ...n(5) }), ["js-lamp"]);
const popular = await client.getPopular(n(4));
assert.equal(popular.length, 4);
assert.equal(typeof popular[0].Id + typeof popular[0].Score, "stringnumber");
await expect(client.getPopular({ category: "no such category" }), []);
const latest = await client.getLatest(n(2));
assert.deepEqual(latest.map((own) => own.Id).sort(), ["js-lamp", "js-pen"]);
assert.equal(latest[0].Score, Date.parse(moment) / 1000);
assert.equal((await client.getLatest({ category: "js" })).length, 1);
assert.equal((await client.getSessionRecommend([given("read", "p3")], n(3))).length, 3);
await client.getItemNeighbors({ itemId: "p1", ...n(3) });
await client.getItemNeighbors({ itemId: "p1", category: "js", ...n(3) });
await client.getUserNeighbors({ userId: "js-ann", ...n(3) });

await refused(401, new Gorse({ endpoint, secret: "wrong" }).getUser("js-ann"));
console.log(JSON.stringify({ calls }));
