// @ts-check
/*
 * Tells shopwise what happens on the pages of the shop, in Segment's format.
 *
 *   <script>window.shopwise = window.shopwise || []; shopwise.push(["page"])</script>
 *   <script src="/shopwise.js" data-key="WRITE_KEY" defer></script>
 *
 * data-host="https://..."   where events go, if not to where this script came from
 * data-consent="required"   nothing is sent or stored before a category is granted
 * data-respect-gpc          nothing at all while the browser sends Global Privacy Control
 *
 * An event waits in localStorage until the server has answered 2xx, under a key of its own, so that
 * tabs never overwrite one another. It is written once and sent as written: by its messageId the
 * server knows what is sent again. Nothing here throws into the page.
 */
(() => {
  /** @typedef {Record<string, any>} Fields */
  const PREFIX = "shopwise.js.";
  /** What waits at most; the oldest goes first. */
  const EVENTS_MAX = 500;
  const CHARACTERS_MAX = 1e6;
  /** The server puts longer events aside. */
  const EVENT_BYTES_MAX = 32e3;
  const BATCH_EVENTS_MAX = 20;
  /** Browsers let 64 KB outlive their page. */
  const BATCH_BYTES_MAX = 6e4;
  const TIMEOUT_MS = 1e4;
  const LEASE_MS = 15e3;
  const WAIT_MS_MAX = 3e5;
  /** Calls close to each other share a batch. */
  const PAUSE_MS = 250;
  /** The server knows a message again for 30 days. */
  const AGE_MS_MAX = 29 * 864e5;
  /** Sent again, these would be refused again. */
  const REFUSED = [400, 401, 403, 404, 413];

  /** @type {any} */
  const page = window;
  const early = page.shopwise;
  const script = /** @type {HTMLScriptElement} */ (
    document.currentScript || document.querySelector("script[data-key]")
  );
  const { key, host, consent, respectGpc } = script ? script.dataset : /** @type {Fields} */ ({});
  if (!key || (early && early.version)) return;
  const server = host || new URL(script.src || location.href).origin;
  const isRequired = consent === "required";
  const isBlocked = respectGpc !== undefined && page.navigator.globalPrivacyControl === true;

  /** What may not, or cannot, be stored. @type {Map<string, string>} */
  const memory = new Map();
  /** @type {any} */
  let disk = {};
  try {
    disk = page.localStorage;
  } catch (_) {}

  /** @param {string} name @returns {string | null} */
  const get = (name) => {
    try {
      return memory.get(name) || disk.getItem(name);
    } catch (_) {
      return null;
    }
  };

  /** @param {string} name */
  const read = (name) => {
    try {
      return JSON.parse(get(PREFIX + name) || "null");
    } catch (_) {
      return null;
    }
  };

  /** @param {string} name @param {any} value */
  const put = (name, value) => {
    memory.set(PREFIX + name, JSON.stringify(value));
    if (isBlocked || (isRequired && !allowed())) return;
    memory.forEach((text, name) => {
      try {
        disk.setItem(name, text);
        memory.delete(name);
      } catch (_) {}
    });
  };

  /** @param {string} name */
  const remove = (name) => {
    memory.delete(name);
    try {
      disk.removeItem(name);
    } catch (_) {}
  };

  /** Returns our keys that begin so, oldest first. @param {string} start */
  const names = (start) => {
    let all = [...memory.keys()];
    try {
      all = all.concat(Object.keys(disk));
    } catch (_) {}
    return all.filter((name) => name.startsWith(PREFIX + start)).sort();
  };

  /** Returns undefined until the customer has been asked. @returns {boolean | undefined} */
  const allowed = () => {
    const choices = read("consent");
    if (isBlocked) return false;
    return choices ? Object.values(choices).includes(true) : isRequired ? undefined : true;
  };

  /** Every later event says how many never arrived, and why. @param {string} why */
  const lose = (why) => {
    const lost = read("lost") || {};
    put("lost", { ...lost, [why]: (lost[why] || 0) + 1 });
  };

  /** @template {any[]} T @param {(...given: T) => any} run @returns {(...given: T) => void} */
  const guard = (run) => (...given) => {
    try {
      run(...given);
    } catch (_) {
      lose("error");
    }
  };

  let last = 0;
  /**
   * Returns a UUID that nobody can guess. Those of messages sort by time.
   * @param {boolean} isMessage
   */
  const uuid = (isMessage) => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | (isMessage ? 0x70 : 0x40);
    bytes[8] = (bytes[8] & 63) | 0x80;
    let hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
    if (isMessage) {
      last = Math.max(Date.now(), last + 1);
      hex = last.toString(16).padStart(12, "0") + hex.slice(12);
    }
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  const anonymousId = () => {
    if (!read("anonymous")) put("anonymous", uuid(false));
    return read("anonymous");
  };

  /** Takes e-mail addresses out. @param {string} text */
  const mask = (text) =>
    text.slice(0, 2048).replace(/[^/?&=#\s]{1,99}(@|%40)[^/?&=#\s]*/gi, "");

  const SECRET = RegExp(
    "([?&;][^=&;]*(token|passw|pwd|secret|mail|auth(?!or)|session|jwt|otp|signature|api.?key" +
      "|phone)[^=&;]*=)[^&;]*",
    "gi",
  );

  /** Takes out of a URL what is nobody's business. @param {string} url */
  const scrub = (url) => mask(url.replace(/#.*/, "")).replace(SECRET, "$1");

  const where = () => ({
    path: scrub(location.pathname),
    referrer: scrub(document.referrer),
    search: scrub(location.search),
    title: mask(document.title),
    url: scrub(location.href),
  });

  const context = () => {
    /** @type {Fields} */
    const campaign = {};
    new URLSearchParams(scrub(location.search)).forEach((value, name) => {
      if (/^utm_./.test(name)) campaign[name === "utm_campaign" ? "name" : name.slice(4)] = value;
    });
    const categoryPreferences = read("consent");
    return {
      page: where(),
      campaign,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      userAgent: navigator.userAgent,
      screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
      library: { name: "shopwise.js", version: api.version },
      groupId: read("group") || undefined,
      lost: read("lost") || undefined,
      consent: categoryPreferences ? { categoryPreferences } : undefined,
    };
  };

  /**
   * Returns what JSON can say of a value and leaves out what cannot be read.
   * @param {any} value @param {any[]} above @param {{ left: number }} budget @returns {any}
   */
  const plain = (value, above, budget) => {
    if (budget.left-- < 0) throw RangeError();
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object" || !value) return value;
    if (above.includes(value) || above.length > 20 || value.nodeType) return;
    const inner = [...above, value];
    if (typeof value.toJSON === "function") return plain(value.toJSON(), inner, budget);
    /** @type {any} */
    const copy = Array.isArray(value) ? [] : {};
    for (const name of Object.keys(value)) {
      try {
        copy[name] = plain(value[name], inner, budget);
      } catch (error) {
        if (budget.left < 0) throw error;
      }
    }
    return copy;
  };

  /** @param {any} value @returns {Fields} */
  const fields = (value) => (typeof value === "object" && value) || {};

  /** @param {string} text */
  const size = (text) => new TextEncoder().encode(text).length;

  /**
   * @param {string} type @param {Fields} more @param {any} [options]
   * @returns {Fields | undefined}
   */
  const event = (type, more, options) => {
    const raw = {
      type,
      messageId: uuid(true),
      anonymousId: anonymousId(),
      userId: read("user") || undefined,
      timestamp: new Date().toISOString(),
      ...more,
      context: { ...context(), ...fields(fields(options).context) },
    };
    try {
      const made = plain(raw, [], { left: 5e3 });
      if (size(JSON.stringify(made)) <= EVENT_BYTES_MAX) return made;
    } catch (_) {}
    lose("large");
  };

  /** Events from before the customer was asked. @type {Fields[]} */
  let held = [];
  /** Keys that are on their way. @type {Set<string>} */
  const sending = new Set();
  /** Keys of this page's events. @type {Set<string>} */
  const own = new Set();
  const waiting = () => names("q.").filter((name) => !sending.has(name));

  /** @param {Fields | undefined} event */
  const enqueue = (event) => {
    if (!event) return;
    if (!allowed()) {
      if (held.push(event) > 99 && held.shift()) lose("full");
      return;
    }
    own.add(PREFIX + "q." + event.messageId);
    put("q." + event.messageId, event);
    later(PAUSE_MS);
  };

  /** Makes room for events to come, so that these can tell what was lost. @param {number} more */
  const room = (more) => {
    const queue = waiting();
    let left = CHARACTERS_MAX - EVENT_BYTES_MAX * more;
    for (const name of queue) left -= (get(name) || "").length;
    queue.forEach((name, at) => {
      const born = parseInt(name.slice(PREFIX.length + 2).replace("-", ""), 16);
      const isOld = born < Date.now() - AGE_MS_MAX;
      if (!isOld && left >= 0 && queue.length - at + more <= EVENTS_MAX) return;
      left += (get(name) || "").length;
      remove(name);
      lose(isOld ? "old" : "full");
    });
  };

  /** Queues what was held, once that is allowed. */
  const release = () => {
    if (!allowed()) return;
    const events = held;
    held = [];
    for (const event of events) {
      event.context.consent = { categoryPreferences: read("consent") };
      enqueue(event);
    }
  };

  /** @param {string} type @param {Fields} more @param {any} [options] */
  const record = (type, more, options) => {
    release();
    room(1);
    enqueue(event(type, more, options));
  };

  const forget = () => {
    held = [];
    names("").forEach(remove);
  };

  /**
   * As text and with the key in the body, so that no preflight is asked for.
   * @param {(string | null)[]} events @param {AbortSignal} [signal]
   */
  const post = (events, signal) =>
    fetch(server.replace(/\/$/, "") + "/v1/batch", {
      method: "POST",
      body:
        `{"batch":[${events}],"sentAt":"${new Date().toISOString()}",` +
        `"writeKey":${JSON.stringify(key)}}`,
      headers: { "Content-Type": "text/plain" },
      keepalive: true,
      credentials: "omit",
      // Followed, a POST may turn into a GET and its events be lost behind a 200.
      redirect: "error",
      signal,
    });

  /** Returns how many ms all tabs shall still wait. */
  const delay = () => {
    const left = (read("retry") || [])[0] - Date.now();
    return left < 2 * WAIT_MS_MAX ? left : 0;
  };

  /** Sends one batch of these keys. @param {string[]} queue */
  const send = async (queue) => {
    const batch = [];
    let bytes = 99 + size(key);
    for (const name of queue) {
      bytes += size(get(name) || "") + 1;
      if (batch.length >= BATCH_EVENTS_MAX || bytes > BATCH_BYTES_MAX) break;
      if (read(name.slice(PREFIX.length))) batch.push(name);
      else remove(name);
    }
    if (!batch.length || !allowed() || delay() > 0) return;
    batch.forEach((name) => sending.add(name));
    const abort = new AbortController();
    const timeout = setTimeout(() => abort.abort(), TIMEOUT_MS);
    let status = 0;
    let seconds = 0;
    try {
      const response = await post(batch.map(get), abort.signal);
      status = response.status;
      seconds = +(/^\d+$/.exec(response.headers.get("Retry-After") || "") || 0);
    } catch (_) {}
    clearTimeout(timeout);
    const isRefused = REFUSED.includes(status);
    if (isRefused || (status >= 200 && status < 300)) {
      remove(PREFIX + "retry");
      batch.forEach((name) => {
        remove(name);
        if (isRefused) lose("refused");
      });
    } else if (status || navigator.onLine !== false) {
      const tries = ((read("retry") || [])[1] || 0) + 1;
      const wait = Math.min(seconds ? seconds * 1e3 : 1e3 * 2 ** tries, WAIT_MS_MAX);
      // Never before the server asked for it, and not all customers at once.
      const jitter = seconds ? 1 + Math.random() / 10 : (1 + Math.random()) / 2;
      put("retry", [Date.now() + wait * jitter, tries]);
    }
    batch.forEach((name) => sending.delete(name));
  };

  const tab = Math.random();
  /** What another tab wrote or deleted is seen a little later. */
  const settled = () => new Promise((done) => setTimeout(done, 50 + 50 * Math.random()));
  /** Runs in one tab at a time. @param {() => Promise<void>} work */
  const alone = async (work) => {
    try {
      return await navigator.locks.request(PREFIX, () => settled().then(work));
    } catch (_) {}
    // Without locks, as on plain http: a lease, looked at again once it has been seen by all.
    const [holder, until] = read("lease") || [];
    const left = until - Date.now();
    if (holder !== tab && left > 0 && left <= LEASE_MS) return;
    put("lease", [tab, Date.now() + LEASE_MS]);
    await settled();
    if ((read("lease") || [])[0] !== tab) return;
    await work();
    remove(PREFIX + "lease");
  };

  let isBusy = false;
  let timer = 0;
  /** @param {number} ms */
  const later = (ms) => {
    timer = timer || page.setTimeout(flush, ms);
  };
  const flush = guard(() => {
    clearTimeout(timer);
    timer = 0;
    release();
    room(0);
    if (isBusy || !allowed() || !waiting().length || navigator.onLine === false) return;
    if (delay() > 0) return later(delay());
    isBusy = true;
    const done = () => {
      isBusy = false;
      if (waiting().length) later(Math.max(delay(), PAUSE_MS));
    };
    alone(() => send(waiting())).then(done, done);
  });

  /** @type {Fields} */
  const calls = {
    /** page([[category,] name], [properties], [options]) @param {any[]} given */
    page(...given) {
      const words = given.filter((one) => typeof one === "string");
      const [properties, options] = given.filter((one) => typeof one === "object");
      const name = words.pop();
      const about = { ...where(), ...plain(fields(properties), [], { left: 5e3 }) };
      record("page", { name, category: words.pop(), properties: about }, options);
    },
    /** @param {string} name @param {Fields} [properties] @param {Fields} [options] */
    track(name, properties, options) {
      record("track", { event: String(name || ""), properties: fields(properties) }, options);
    },
    /**
     * identify([userId], [traits], [options])
     * @param {any} id @param {any} [traits] @param {any} [options]
     */
    identify(id, traits, options) {
      if (typeof id === "object") return calls.identify("", id || traits, id ? traits : options);
      const user = String(id || "");
      // Another person at the same device is another visitor.
      if (user && read("user") && read("user") !== user) calls.reset();
      if (user) put("user", user);
      record("identify", { traits: fields(traits) }, options);
    },
    /** @param {string} id @param {Fields} [traits] @param {Fields} [options] */
    group(id, traits, options) {
      put("group", String(id));
      record("group", { groupId: String(id), traits: fields(traits) }, options);
    },
    /** @param {string} to @param {string} [from] @param {Fields} [options] */
    alias(to, from, options) {
      const previousId = String(from || read("user") || anonymousId());
      put("user", String(to));
      record("alias", { userId: String(to), previousId }, options);
    },
    reset() {
      ["anonymous", "user", "group"].forEach((name) => remove(PREFIX + name));
    },
    /**
     * @param {Record<string, "granted" | "denied" | "withdrawn">} choices by category
     * @param {Fields} [properties] what proves it, as the version of the text that was shown
     */
    consent(choices, properties) {
      const before = read("consent") || {};
      const after = { ...before };
      let isOver = false;
      for (const name of Object.keys(fields(choices))) {
        const choice = choices[name];
        if (!["granted", "denied", "withdrawn"].includes(choice)) continue;
        after[name] = choice === "granted";
        isOver = isOver || (choice === "withdrawn" && before[name] !== false);
      }
      if (isBlocked || JSON.stringify(after) === JSON.stringify(before)) return;
      const isGranted = Object.values(after).includes(true);
      const isKnown = allowed() && read("anonymous");
      const name = "Segment Consent Preference Updated";
      const consent = { categoryPreferences: after };
      const more = { event: name, properties: fields(properties) };
      const notice = isGranted || isKnown ? event("track", more, { context: { consent } }) : null;
      if (isOver || !isGranted) forget();
      put("consent", after);
      release();
      if (isGranted) enqueue(notice || undefined);
      // The shop has to hear of it, and nothing of it stays here.
      else if (notice) post([JSON.stringify(notice)]).catch(() => {});
    },
  };
  for (const name of [
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
  ]) {
    const call = name[0].toLowerCase() + name.slice(1).replace(/ /g, "");
    /** @param {any} given properties, or what was searched for @param {Fields} [options] */
    calls[call] = (given, options) =>
      calls.track(name, typeof given === "string" ? { query: given } : given, options);
  }

  /** @type {Fields} */
  const api = { version: "1.0.0" };
  for (const name of Object.keys(calls)) {
    api[name] = guard((...given) => {
      if (name === "consent" || allowed() !== false) calls[name](...given);
    });
  }
  api.push = guard((...commands) => {
    for (const [name, ...given] of commands) if (calls[name]) api[name](...given);
  });

  if (isBlocked) forget();
  page.shopwise = api;
  if (Array.isArray(early)) early.forEach((command) => api.push(command));
  for (const name of ["online", "pageshow"]) addEventListener(name, flush);
  document.addEventListener("visibilitychange", flush);
  // A page that ends cannot wait for its turn: what it alone knows to be new goes out at once.
  addEventListener("pagehide", () => {
    if (navigator.onLine !== false) send(waiting().filter((name) => own.has(name))).catch(() => {});
  });
  flush();
})();
