// Sends events through @segment/analytics-node as a shop's server would.
//
// node.mjs FOLDER HOST KEY EVENTS prints one JSON object: `sent`, the message ids that the library
// handed to its callbacks; `failed`, those that it gave up; `errors`, in its own words; `refused`,
// what it did not take; `large`, the id of the event of 600 KB. FOLDER has the library.

import { createRequire } from "node:module";

const [folder, host, key, count] = process.argv.slice(2);
const { Analytics } = createRequire(`${folder}/`)("@segment/analytics-node");

const KINDS = ["track", "identify", "page", "screen", "group", "alias"];
// Whole batches of 15: a batch that is not full waits ten seconds.
const GROUP = 1200;

const analytics = new Analytics({ writeKey: key, host, path: "/v1/batch" });
const sent = [];
const failed = [];
const errors = new Set();
const refused = [];
let large = "";
analytics.on("error", (error) => errors.add(String(error.reason ?? error.code)));

const properties = (number) => ({
  product_id: `p${number % 50}`,
  price: number % 100 === 7 ? NaN : 9.5,
  name: number % 100 === 8 ? "half an emoji \ud83d" : "a lamp",
  note: "x".repeat(number === 4242 ? 600_000 : number % 300),
});

const call = (number) => {
  const kind = KINDS[number % KINDS.length];
  const [userId, visitor] = [`${1 + (number % 997)}`, `visitor ${number}`];
  const who = number % 2 ? { userId } : { anonymousId: visitor };
  const said = properties(number);
  const traits = { ...who, traits: said };
  const event = {
    track: { ...who, event: "Product Viewed", properties: said },
    identify: traits,
    page: { ...who, category: "shop", name: `shelf ${number % 9}`, properties: said },
    screen: { ...who, name: `shelf ${number % 9}`, properties: said },
    group: { ...traits, groupId: `${number % 7}` },
    alias: { userId, previousId: visitor },
  }[kind];
  return new Promise((done) => {
    analytics[kind](event, (error, context) => {
      const id = context.event.messageId;
      sent.push(id);
      if (error) {
        failed.push(id);
        errors.add(String(error));
      }
      if (number === 4242) large = id;
      done();
    });
  });
};

for (let number = 0; number < +count; ) {
  const group = [];
  while (group.length < GROUP && number < +count) group.push(call(number++));
  // What is left over at the end goes out when the library is told to close.
  if (group.length === GROUP) await Promise.all(group);
}
try {
  analytics.track({ userId: 42, event: "Product Viewed" });
} catch (error) {
  refused.push(error.message);
}
await analytics.closeAndFlush({ timeout: 60_000 });
const { VERSION: version } = analytics;
console.log(JSON.stringify({ version, sent, failed, errors: [...errors], refused, large }));
