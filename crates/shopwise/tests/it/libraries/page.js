// What the pages of the browser tests share. The test that serves them is asked by `ask`.

const given = new URLSearchParams(location.search);
const SERVER = given.get("server");
const KEY = given.get("key");
const COUNT = Number(given.get("count"));

/** Asks the test for something and waits until it is done. */
const ask = async (what, said = null) => {
  const answer = await fetch(`/ask/${what}`, { method: "POST", body: JSON.stringify(said) });
  return answer.json();
};

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Loads a script, as the tag in a shop's page does. */
const load = (src, data = {}) =>
  new Promise((done, fail) => {
    const script = document.createElement("script");
    Object.assign(script.dataset, data);
    Object.assign(script, { src, onload: done, onerror: () => fail(new Error(`no ${src}`)) });
    document.head.append(script);
  });

/** Runs a page's part, and tells the test when it goes wrong. */
const play = (part) => {
  const fail = (error) => ask("fail", String(error?.stack ?? error));
  addEventListener("error", (event) => fail(event.error ?? event.message));
  addEventListener("unhandledrejection", (event) => fail(event.reason));
  part().catch(fail);
};

const KINDS = ["track", "identify", "page", "screen", "group", "alias"];

const properties = (number) => ({
  product_id: `p${number % 50}`,
  price: number % 100 === 7 ? NaN : 9.5,
  color: number % 100 === 8 ? "half an emoji \ud83d" : "red",
});

/** Makes one call of the official library and returns its promise of the event. */
const call = (analytics, number, options = {}) => {
  const said = properties(number);
  // A number, as shops have them; somebody else now and then.
  const user = 1 + Math.floor(number / 60);
  return {
    track: () => analytics.track("Product Viewed", said, options),
    identify: () => analytics.identify(user, said, options),
    page: () => analytics.page("shop", `shelf ${number % 9}`, said, options),
    screen: () => analytics.screen("shop", `shelf ${number % 9}`, said, options),
    group: () => analytics.group(`group ${number % 7}`, said, options),
    alias: () => analytics.alias(String(user), `visitor ${number}`, options),
  }[KINDS[number % KINDS.length]]();
};
