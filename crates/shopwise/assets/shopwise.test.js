// Tests of the browser script, in plain Node: `node --test crates/shopwise/assets/shopwise.test.js`.
// A world is one browser: a clock, a network, a storage and any number of tabs, all made up.
"use strict";
const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { test } = require("node:test");
const vm = require("node:vm");

// The file as written, and as served without its comments.
const FILES = ["shopwise.js", "shopwise.min.js"];
const LIBRARY = { name: "shopwise.js", version: "1.0.0" };
const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

class FakeStorage {
  setItem(name, value) {
    this[name] = String(value);
  }
  getItem(name) {
    return Object.hasOwn(this, name) ? this[name] : null;
  }
  removeItem(name) {
    delete this[name];
  }
}

/**
 * One tab's view: what other tabs write and delete is seen 40 ms later, as in real browsers, and
 * the last to write has written in all views.
 */
class LaggingStorage extends FakeStorage {
  #world;
  #writes = {};
  constructor(world) {
    super();
    this.#world = world;
    world.views.push(this);
  }
  setItem(name, value) {
    this.#tell("setItem", name, value);
  }
  removeItem(name) {
    this.#tell("removeItem", name);
  }
  #tell(verb, name, value) {
    const nth = ++this.#world.writes;
    this.#apply(nth, verb, name, value);
    for (const view of this.#world.views) {
      const run = () => view.#apply(nth, verb, name, value);
      if (view !== this) this.#world.timers.push({ run, at: this.#world.now + 40 });
    }
  }
  #apply(nth, verb, name, value) {
    if (nth < (this.#writes[name] ?? 0)) return;
    this.#writes[name] = nth;
    super[verb](name, value);
  }
}

class World {
  constructor(file) {
    this.source = readFileSync(join(__dirname, file), "utf8");
    this.now = Date.parse("2026-03-01T12:00:00Z");
    this.timers = [];
    this.requests = [];
    this.storage = new FakeStorage();
    this.views = [];
    this.writes = 0;
    this.online = true;
    this.answer = () => ({ status: 200 });
    this.lock = Promise.resolve();
  }

  /** Opens a tab, with the commands of the page before the script. */
  open(given = {}) {
    const world = this;
    const handlers = {};
    const listen = (name, handler) => (handlers[name] ??= []).push(handler);
    const url = new URL(given.url ?? "https://shop.example/shoes?size=42");
    const dataset = { key: "wk", ...given.dataset };
    const sandbox = {
      TextEncoder,
      URL,
      URLSearchParams,
      AbortController,
      crypto: globalThis.crypto ?? require("node:crypto").webcrypto,
      shopwise: given.early,
      location: { href: url.href, origin: url.origin, pathname: url.pathname, search: url.search },
      document: {
        title: given.title ?? "Shoes",
        referrer: given.referrer ?? "",
        currentScript: { src: "https://shop.example/shopwise.js", dataset },
        addEventListener: listen,
      },
      screen: { width: 1280, height: 800 },
      devicePixelRatio: 2,
      addEventListener: listen,
      setTimeout(run, ms) {
        const id = Symbol("timer");
        world.timers.push({ id, run, at: world.now + ms, tab });
        return id;
      },
      clearTimeout(id) {
        world.timers = world.timers.filter((timer) => timer.id !== id);
      },
      fetch: (address, init) => world.fetch(address, init, tab),
      navigator: {
        language: "de-CH",
        userAgent: "Test/1",
        globalPrivacyControl: given.gpc,
        get onLine() {
          return world.online;
        },
        locks: given.locks === false ? undefined : { request: (_, work) => world.alone(work) },
      },
    };
    sandbox.window = sandbox;
    Object.defineProperty(sandbox, "localStorage", {
      get() {
        if (given.storage === "blocked") throw new Error("SecurityError");
        return given.storage ?? world.storage;
      },
    });
    const tab = { sandbox, closed: false, fire: (name) => handlers[name]?.forEach((run) => run()) };
    vm.createContext(sandbox);
    vm.runInContext(`Date = class extends Date {
      constructor(...given) { super(...(given.length ? given : [now()])); }
      static now() { return now(); }
    }`, Object.assign(sandbox, { now: () => world.now }));
    vm.runInContext(this.source, sandbox);
    tab.api = sandbox.shopwise;
    return tab;
  }

  close(tab) {
    tab.closed = true;
    this.timers = this.timers.filter((timer) => timer.tab !== tab);
  }

  async fetch(address, init, tab) {
    const request = { address, init, tab, at: this.now, body: JSON.parse(init.body) };
    this.requests.push(request);
    const { status, headers = {}, hang } = this.answer(request, this.requests.length);
    if (hang) {
      await new Promise((_, reject) => init.signal?.addEventListener("abort", reject));
    }
    if (!this.online || !status) throw new TypeError("network");
    return { status, headers: { get: (name) => headers[name] ?? null } };
  }

  alone(work) {
    const turn = this.lock.then(work);
    this.lock = turn.catch(() => {});
    return turn;
  }

  /** Lets time pass, timer by timer. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settled();
      this.timers.sort((one, other) => one.at - other.at);
      if (!this.timers.length || this.timers[0].at > end) break;
      const timer = this.timers.shift();
      this.now = Math.max(this.now, timer.at);
      timer.run();
    }
    this.now = end;
  }

  /** Returns all events that were sent, request by request. */
  sent() {
    return this.requests.flatMap((request) => request.body.batch);
  }

  stored(part = "shopwise.js.q.") {
    return Object.keys(this.storage).filter((name) => name.startsWith(part));
  }
}

const settled = async () => {
  for (let round = 0; round < 5; round++) await new Promise((done) => setImmediate(done));
};

const names = (events) => events.map((event) => event.event);

/** Declares a test of both files. */
const both = (name, run) => {
  for (const file of FILES) test(`${name} (${file})`, () => run(new World(file)));
};

both("every call has the shape of Segment's", async (world) => {
  const url = "https://shop.example/shoes?size=42&utm_campaign=spring&utm_source=mail";
  const { api } = world.open({ url, referrer: "https://search.example/?q=shoes" });
  api.page();
  api.page("Shop", "Shoes", { colour: "red" });
  api.track("Video Played", { seconds: 3 });
  api.identify(42, { plan: "gold" });
  api.group("g1", { size: 3 });
  api.alias("u2", "u1");
  api.alias("u3");
  await world.pass(1000);
  const [request] = world.requests;
  assert.equal(world.requests.length, 1);
  assert.equal(request.address, "https://shop.example/v1/batch");
  assert.equal(request.init.method, "POST");
  assert.deepEqual(Object.entries(request.init.headers), [["Content-Type", "text/plain"]]);
  assert.equal(request.init.keepalive, true);
  assert.equal(request.init.redirect, "error");
  assert.deepEqual(Object.keys(request.body), ["batch", "sentAt", "writeKey"]);
  assert.equal(request.body.writeKey, "wk");
  const sentAt = Date.parse(request.body.sentAt) - Date.parse("2026-03-01T12:00:00Z");
  assert.ok(sentAt >= 300 && sentAt <= 350, request.body.sentAt);
  const [plain, named, track, identify, group, alias, known] = request.body.batch;
  for (const event of request.body.batch) {
    assert.match(event.messageId, UUID7);
    assert.match(event.anonymousId, UUID4);
    assert.equal(event.timestamp, "2026-03-01T12:00:00.000Z");
    assert.deepEqual(event.context.library, LIBRARY);
  }
  const page = {
    path: "/shoes",
    referrer: "https://search.example/?q=shoes",
    search: "?size=42&utm_campaign=spring&utm_source=mail",
    title: "Shoes",
    url,
  };
  assert.deepEqual(plain.context.page, page);
  assert.deepEqual(plain.context.campaign, { name: "spring", source: "mail" });
  assert.deepEqual(plain.context.screen, { width: 1280, height: 800, density: 2 });
  assert.equal(plain.context.locale, "de-CH");
  assert.equal(plain.context.userAgent, "Test/1");
  assert.equal(typeof plain.context.timezone, "string");
  assert.equal("consent" in plain.context || "lost" in plain.context, false);
  assert.equal(plain.type, "page");
  assert.deepEqual(plain.properties, page);
  assert.equal("userId" in plain, false);
  assert.deepEqual([named.category, named.name], ["Shop", "Shoes"]);
  assert.equal(named.properties.colour, "red");
  assert.deepEqual([track.type, track.event], ["track", "Video Played"]);
  assert.deepEqual(track.properties, { seconds: 3 });
  assert.deepEqual([identify.type, identify.userId], ["identify", "42"]);
  assert.deepEqual(identify.traits, { plan: "gold" });
  assert.deepEqual([group.type, group.groupId, group.userId], ["group", "g1", "42"]);
  assert.equal(group.context.groupId, "g1");
  assert.deepEqual([alias.type, alias.userId, alias.previousId], ["alias", "u2", "u1"]);
  assert.deepEqual([known.userId, known.previousId], ["u3", "u2"]);
});

both("the shop's own events carry their names and properties", async (world) => {
  const { api } = world.open();
  api.productViewed({ product_id: "p" });
  api.productAdded({ product_id: "p" });
  api.productRemoved({ product_id: "p" });
  api.cartViewed({ cart_id: "c" });
  api.checkoutStarted({ order_id: "o" });
  api.orderCompleted({ order_id: "o", total: 9.5 });
  api.orderRefunded({ order_id: "o" });
  api.productsSearched("red shoes");
  api.productListViewed({ list_id: "l" });
  const shown = { decision: "d", product_id: "p", position: 1 };
  for (const call of ["recommendationShown", "recommendationClicked", "adShown", "adClicked"]) {
    api[call](shown);
  }
  await world.pass(1000);
  const events = world.sent();
  assert.deepEqual(names(events), [
    "Product Viewed",
    "Product Added",
    "Product Removed",
    "Cart Viewed",
    "Checkout Started",
    "Order Completed",
    "Order Refunded",
    "Products Searched",
    "Product List Viewed",
    "Recommendation Shown",
    "Recommendation Clicked",
    "Ad Shown",
    "Ad Clicked",
  ]);
  assert.deepEqual(events[5].properties, { order_id: "o", total: 9.5 });
  assert.deepEqual(events[7].properties, { query: "red shoes" });
  for (const event of events.slice(9)) assert.deepEqual(event.properties, shown);
});

both("what the page asked before the script came is done", async (world) => {
  const early = [["page", "Home"], ["unknown"], 7, ["track", "A"]];
  const { api } = world.open({ early, dataset: { host: "https://cdp.example/" } });
  api.push(["track", "B"], ["track", "C"]);
  await world.pass(1000);
  assert.equal(world.requests[0].address, "https://cdp.example/v1/batch");
  assert.deepEqual(names(world.sent()), [undefined, "A", "B", "C"]);
});

both("no id can be told from another", async (world) => {
  const { api } = world.open();
  const ids = new Set();
  for (let visit = 0; visit < 300; visit++) {
    api.reset();
    api.track("A");
    await world.pass(300);
  }
  for (const event of world.sent()) {
    // What is random: of a message all that follows its time.
    ids.add(event.messageId.slice(15)).add(event.anonymousId);
  }
  assert.equal(ids.size, 600);
  const windows = new Map();
  for (const id of ids) {
    const hex = id.replaceAll("-", "");
    // Eight bytes; those with the fixed bits of the variant at their place fall out by themselves.
    for (let at = 0; at + 16 <= hex.length; at += 1) {
      const window = hex.slice(at, at + 16);
      assert.ok(!windows.has(window) || windows.get(window) === id, `${id} shares ${window}`);
      windows.set(window, id);
    }
  }
});

both("an anonymous visitor stays the same until reset or another login", async (world) => {
  const first = world.open();
  first.api.track("A");
  world.close(first);
  const { api } = world.open();
  api.track("B");
  api.identify("u1");
  api.identify("u2");
  api.reset();
  api.track("C");
  await world.pass(1000);
  const [a, b, one, two, c] = world.sent();
  assert.equal(a.anonymousId, b.anonymousId);
  assert.equal(one.anonymousId, b.anonymousId);
  assert.notEqual(two.anonymousId, one.anonymousId);
  assert.notEqual(c.anonymousId, two.anonymousId);
  assert.equal("userId" in c, false);
});

both("offline events are sent once, when online again", async (world) => {
  const tab = world.open();
  world.online = false;
  tab.api.track("A");
  tab.api.track("B");
  await world.pass(60_000);
  assert.equal(world.requests.length, 0);
  assert.equal(world.stored().length, 2);
  world.online = true;
  tab.fire("online");
  await world.pass(60_000);
  assert.deepEqual(names(world.sent()), ["A", "B"]);
  assert.equal(world.stored().length, 0);
});

both("a reload keeps the queue, and what is sent again is the same", async (world) => {
  world.answer = () => ({ status: 503 });
  const tab = world.open();
  tab.api.track("A");
  await world.pass(500);
  world.close(tab);
  world.answer = () => ({ status: 200 });
  world.open({ dataset: { key: "new-key" } });
  await world.pass(10_000);
  const [before, after] = world.requests;
  assert.equal(world.requests.length, 2);
  assert.deepEqual(after.body.batch, before.body.batch);
  assert.equal(after.body.writeKey, "new-key");
  assert.notEqual(after.body.sentAt, before.body.sentAt);
});

both("waits double between tries, up to five minutes", async (world) => {
  world.answer = () => ({ status: 500 });
  world.open().api.track("A");
  await world.pass(3_600_000);
  const at = world.requests.map((request) => request.at);
  for (let nth = 1; nth < at.length; nth++) {
    const most = Math.min(1000 * 2 ** nth, 300_000);
    const wait = at[nth] - at[nth - 1];
    // And up to 0.1 s until the other tabs have seen what this one wrote.
    assert.ok(wait >= most / 2 - 1 && wait <= most + 101, `${nth}: ${wait} ms`);
  }
  assert.ok(at.length > 12 && at.length < 40);
  assert.equal(world.stored().length, 1);
});

both("a 429 is heeded by every tab and after a reload", async (world) => {
  const status = () => (world.requests.length > 1 ? 200 : 429);
  world.answer = () => ({ status: status(), headers: { "Retry-After": "120" } });
  const tab = world.open();
  tab.api.track("A");
  await world.pass(1000);
  world.open().api.track("B");
  world.close(tab);
  world.open().api.track("C");
  await world.pass(118_000);
  assert.equal(world.requests.length, 1);
  await world.pass(20_000);
  assert.equal(world.requests.length, 2);
  assert.ok(world.requests[1].at - world.requests[0].at >= 120_000);
  assert.deepEqual(names(world.requests[1].body.batch).sort(), ["A", "B", "C"]);
});

both("a Retry-After that is no integer, or too long, does not stall", async (world) => {
  const values = ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "99999999"];
  world.answer = () => ({ status: 429, headers: { "Retry-After": values.shift() } });
  world.open().api.track("A");
  await world.pass(400_000);
  assert.ok(world.requests.length >= 4);
});

for (const status of [400, 401, 403, 404, 413]) {
  both(`${status} drops the batch and the next event says so`, async (world) => {
    world.answer = (_, nth) => ({ status: nth === 1 ? status : 200 });
    const { api } = world.open();
    api.track("A");
    api.track("B");
    await world.pass(600_000);
    assert.equal(world.requests.length, 1);
    assert.equal(world.stored().length, 0);
    api.track("C");
    await world.pass(1000);
    assert.deepEqual(world.requests[1].body.batch[0].context.lost, { refused: 2 });
  });
}

both("a hanging request ends and is tried again", async (world) => {
  world.answer = (_, nth) => ({ status: 200, hang: nth === 1 });
  world.open().api.track("A");
  await world.pass(20_000);
  assert.equal(world.requests.length, 2);
  assert.equal(world.stored().length, 0);
});

both("batches hold 20 events and 64 KB", async (world) => {
  const { api } = world.open();
  for (let nth = 0; nth < 45; nth++) api.track("A", { nth });
  for (let nth = 45; nth < 55; nth++) api.track("A", { nth, text: "\u9999".repeat(8000) });
  await world.pass(60_000);
  for (const { body, init } of world.requests) {
    assert.ok(body.batch.length <= 20);
    assert.ok(Buffer.byteLength(init.body) <= 64_000);
  }
  const order = world.sent().map((event) => event.properties.nth);
  assert.deepEqual(order, Array.from({ length: 55 }, (_, nth) => nth));
});

both("the queue is bounded by count, and says what it dropped", async (world) => {
  world.online = false;
  const tab = world.open();
  for (let nth = 0; nth < 510; nth++) tab.api.track("A", { nth });
  await world.pass(1000);
  assert.equal(world.stored().length, 500);
  world.online = true;
  tab.fire("online");
  await world.pass(60_000);
  const events = world.sent();
  assert.equal(events.length, 500);
  assert.equal(events[0].properties.nth, 10);
  assert.deepEqual(events.at(-1).context.lost, { full: 10 });
});

both("the queue is bounded by size", async (world) => {
  world.online = false;
  const { api } = world.open();
  for (let nth = 0; nth < 60; nth++) api.track("A", { nth, text: "x".repeat(30_000) });
  const size = world.stored().reduce((sum, name) => sum + world.storage[name].length, 0);
  assert.ok(size <= 1_000_000 && size > 900_000, `${size}`);
  assert.ok(JSON.parse(world.storage["shopwise.js.lost"]).full > 20);
});

both("what the server would no longer know again is not sent", async (world) => {
  world.online = false;
  const tab = world.open();
  tab.api.track("A");
  world.close(tab);
  await world.pass(30 * 86_400_000);
  world.online = true;
  world.open().api.track("B");
  await world.pass(1000);
  assert.deepEqual(names(world.sent()), ["B"]);
  assert.deepEqual(world.sent()[0].context.lost, { old: 1 });
});

both("nothing is sent or stored before consent", async (world) => {
  const tab = world.open({ dataset: { consent: "required" } });
  tab.api.page();
  tab.api.identify("u1");
  tab.api.track("A");
  await world.pass(60_000);
  tab.fire("visibilitychange");
  tab.fire("pagehide");
  await world.pass(60_000);
  assert.equal(world.requests.length, 0);
  assert.deepEqual(world.stored(""), []);
  tab.api.consent({ analytics: "granted", advertising: "denied" }, { text: "v3" });
  await world.pass(1000);
  const events = world.sent();
  assert.deepEqual(events.map((event) => event.type), ["page", "identify", "track", "track"]);
  const categoryPreferences = { analytics: true, advertising: false };
  for (const event of events) assert.deepEqual(event.context.consent, { categoryPreferences });
  assert.equal(events[3].event, "Segment Consent Preference Updated");
  assert.deepEqual(events[3].properties, { text: "v3" });
  assert.equal(new Set(events.map((event) => event.anonymousId)).size, 1);
  // The next page knows, and asking again with the same answer says nothing new.
  const next = world.open({ dataset: { consent: "required" } });
  next.api.consent({ analytics: "granted", advertising: "denied" });
  next.api.track("B");
  await world.pass(1000);
  assert.deepEqual(names(world.sent()).slice(4), ["B"]);
});

both("who says no leaves nothing behind", async (world) => {
  const { api } = world.open({ dataset: { consent: "required" } });
  api.page();
  api.consent({ analytics: "denied" });
  api.track("A");
  await world.pass(60_000);
  assert.equal(world.requests.length, 0);
  assert.deepEqual(world.stored(""), []);
});

both("withdrawal deletes ids and queue, in all tabs", async (world) => {
  const open = () => world.open({ dataset: { consent: "required" } });
  const tab = open();
  const other = open();
  tab.api.consent({ analytics: "granted" });
  await world.pass(1000);
  const { anonymousId } = world.sent()[0];
  world.answer = () => ({ status: 503 });
  tab.api.track("A");
  other.api.track("B");
  await world.pass(300);
  const before = world.requests.length;
  tab.api.consent({ analytics: "withdrawn" });
  other.api.track("C");
  assert.deepEqual(world.stored(""), []);
  world.answer = () => ({ status: 200 });
  await world.pass(600_000);
  // One notice, so that the shop stops too, and then silence.
  const after = world.requests.slice(before).flatMap((request) => request.body.batch);
  assert.deepEqual(names(after), ["Segment Consent Preference Updated"]);
  assert.equal(after[0].anonymousId, anonymousId);
  assert.deepEqual(after[0].context.consent.categoryPreferences, { analytics: false });
  assert.deepEqual(world.stored(""), []);
  tab.api.consent({ analytics: "granted" });
  await world.pass(1000);
  assert.notEqual(world.sent().at(-1).anonymousId, anonymousId);
});

both("a no is kept where consent is not required beforehand", async (world) => {
  const { api } = world.open();
  api.track("A");
  await world.pass(1000);
  api.consent({ analytics: "denied" });
  await world.pass(1000);
  const count = world.requests.length;
  world.open().api.track("B");
  await world.pass(60_000);
  assert.equal(world.requests.length, count);
  assert.deepEqual(world.stored(""), ["shopwise.js.consent"]);
});

both("Global Privacy Control is honoured where the shop says so", async (world) => {
  world.open({ gpc: true }).api.track("A");
  await world.pass(1000);
  assert.equal(world.sent().length, 1);
  const { api } = world.open({ gpc: true, dataset: { respectGpc: "" } });
  api.consent({ analytics: "granted" });
  api.identify("u1");
  api.track("B");
  await world.pass(1000);
  assert.equal(world.sent().length, 1);
  assert.deepEqual(world.stored(""), []);
});

for (const locks of [true, false]) {
  both(`three tabs ${locks ? "with" : "without"} locks send each event once`, async (world) => {
    const open = () => world.open({ locks, storage: new LaggingStorage(world) });
    const tabs = [open(), open(), open()];
    for (let nth = 0; nth < 90; nth++) {
      tabs[nth % 3].api.track("A", { nth });
      if (nth % 7 === 0) await world.pass(100);
    }
    await world.pass(120_000);
    const sent = world.sent().map((event) => event.properties.nth);
    assert.equal(sent.length, 90);
    assert.equal(new Set(sent).size, 90);
    for (const view of world.views) assert.deepEqual(Object.keys(view), ["shopwise.js.anonymous"]);
  });
}

both("a tab that died with the lease does not stop the others", async (world) => {
  const tab = world.open({ locks: false });
  tab.api.track("A");
  await world.pass(260);
  world.close(tab);
  assert.equal(world.stored("shopwise.js.lease").length, 1);
  world.open({ locks: false }).api.track("B");
  await world.pass(20_000);
  assert.deepEqual(names(world.sent()), ["A", "B"]);
});

both("a page that ends sends what is new, and forgets it only after a 2xx", async (world) => {
  world.answer = () => ({ status: 0 });
  const tab = world.open();
  tab.api.track("A");
  tab.fire("pagehide");
  tab.fire("visibilitychange");
  await settled();
  world.close(tab);
  assert.equal(world.requests.length, 1);
  assert.equal(world.stored().length, 1);
  world.answer = () => ({ status: 200 });
  world.open();
  await world.pass(10_000);
  assert.equal(world.requests.length, 2);
  assert.deepEqual(world.requests[1].body.batch, world.requests[0].body.batch);
  assert.equal(world.stored().length, 0);
});

const full = new FakeStorage();
Object.defineProperty(full, "setItem", {
  value() {
    throw new Error("QuotaExceededError");
  },
});
for (const [name, storage] of Object.entries({ blocked: "blocked", full })) {
  both(`a storage that is ${name} does not stop the events`, async (world) => {
    const { api } = world.open({ storage });
    api.identify("u1");
    api.track("A");
    api.track("B");
    await world.pass(1000);
    const events = world.sent();
    assert.equal(events.length, 3);
    assert.equal(new Set(events.map((event) => event.anonymousId)).size, 1);
    assert.equal(events[2].userId, "u1");
    await world.pass(60_000);
    assert.equal(world.requests.length, 1);
  });
}

both("a storage full of rubbish does not stop the events", async (world) => {
  for (const name of ["anonymous", "user", "group", "consent", "lost", "retry", "lease", "q.x"]) {
    world.storage.setItem(`shopwise.js.${name}`, "{");
  }
  world.open({ locks: false }).api.track("A");
  await world.pass(1000);
  assert.deepEqual(names(world.sent()), ["A"]);
});

both("e-mails and secrets of addresses stay at home", async (world) => {
  const url =
    "https://shop.example/u/ann%40mail.example/?reset_token=t1&Email=a@b.example&q=joe@x.example" +
    "&author=rowling&api_key=k1&utm_term=me@x.example#access_token=t2";
  const referrer = "https://login.example/?password=p1&next=/shoes";
  const { api } = world.open({ url, referrer, title: "Hello ann@mail.example" });
  api.page();
  await world.pass(1000);
  const text = JSON.stringify(world.sent());
  for (const secret of ["t1", "t2", "p1", "k1", "ann", "joe", "@", "%40", "b.example"]) {
    assert.ok(!text.includes(secret), secret);
  }
  const { page } = world.sent()[0].context;
  assert.equal(page.search, "?reset_token=&Email=&q=&author=rowling&api_key=&utm_term=");
  assert.equal(page.referrer, "https://login.example/?password=&next=/shoes");
});

both("hostile input never throws", async (world) => {
  const tab = world.open();
  const cyclic = { name: "c" };
  cyclic.self = cyclic;
  cyclic.list = [cyclic];
  const wide = {};
  for (let nth = 0; nth < 10; nth++) wide[nth] = wide[nth - 1] ? { ...wide } : {};
  let deep = {};
  for (let nth = 0; nth < 5000; nth++) deep = { deep };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const values = [
    cyclic,
    wide,
    deep,
    revoked.proxy,
    10n,
    { big: 10n, call: () => 1, sign: Symbol("s"), not: NaN, far: Infinity, none: undefined },
    { get bad() { throw new Error("bad"); }, good: 1 },
    { toJSON() { throw new Error("bad"); } },
    { toJSON() { return this; } },
    { nodeType: 1 },
    Object.create(null),
    { cut: "\ud83d" },
    "x".repeat(5_000_000),
    { text: "x".repeat(5_000_000) },
    Array.from({ length: 100_000 }, (_, nth) => nth),
    { toString() { throw new Error("bad"); } },
    Symbol("s"),
    () => 1,
    null,
    undefined,
    NaN,
    [],
    new Date(NaN),
    new Map([[1, 2]]),
  ];
  for (const call of Object.keys(tab.api).filter((name) => name !== "version")) {
    if (call === "consent") continue;
    for (const value of values) {
      tab.api[call](value, value, value);
      tab.api[call]("name", value, { context: value });
      tab.api[call]("name", { value });
    }
  }
  for (const value of values) tab.api.consent(value, value);
  for (const name of ["online", "pageshow", "pagehide", "visibilitychange"]) tab.fire(name);
  tab.api.reset();
  tab.api.track("Last", { cyclic, big: 10n });
  await world.pass(600_000);
  const last = world.sent().find((event) => event.event === "Last");
  assert.deepEqual(last.properties, { cyclic: { name: "c", list: [null] }, big: "10" });
  assert.ok(last.context.lost.large > 0);
  assert.ok(last.context.lost.error > 0);
});

both("without a key, or loaded twice, it does nothing", async (world) => {
  const early = [["track", "A"]];
  assert.equal(world.open({ early, dataset: { key: "" } }).sandbox.shopwise, early);
  const tab = world.open();
  vm.runInContext(world.source, tab.sandbox);
  assert.equal(tab.sandbox.shopwise, tab.api);
});
