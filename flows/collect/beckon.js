// beckon.js: what a visitor does, put into a queue in the browser and sent to the edge that this script comes from.
//
//   <script>window.beckon = window.beckon || function () { (beckon.q = beckon.q || []).push(arguments); };</script>
//   <script async src="https://events.shop.example.com/beckon.js" data-key="wk_..."></script>
//
// Guarantees: a call has its messageId when it is made and stays in the queue until the edge has answered, over pages and tabs. So it may be
// sent twice, and counts once. Nothing is stored or sent of somebody who says no (Global Privacy Control, Do Not Track, a "consent" call).
//
// `make script` writes beckon.min.js, which is served.
(() => {
  const w = window, d = document, nav = navigator, set = d.currentScript.dataset;
  if (w.beckon?.on) return;
  const url = new URL("v1/batch", d.currentScript.src).href;
  const ID = "beckon_id", USER = "beckon_user", SAID = "beckon_consent", CART = "beckon_cart", WAIT = "beckon_wait", QUEUE = "beckon_q";

  // --- what is kept: in localStorage, or in memory where there is none or it is full ---

  const memory = {};
  let disk = {};
  try { disk = w.localStorage || disk; } catch {}
  const get = name => memory[name] ?? disk[name];
  const put = (name, value) => { try { disk[name] = value; } catch { memory[name] = value; } };
  const drop = name => { delete memory[name]; delete disk[name]; };
  const cookie = (name, value) => d.cookie = `${name}=${value}; Path=/; Max-Age=${value ? 31536000 : 0}; SameSite=Lax`
    + (location.protocol == "https:" ? "; Secure" : "") + (set.domain ? "; Domain=" + set.domain : "");
  const found = name => d.cookie.match(`(?:^|; )${name}=([\\w-]+)`)?.[1];
  const unique = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

  const anonymous = () => {
    const id = found(ID) || get(ID) || unique();
    put(ID, id);
    cookie(ID, id);
    return id;
  };
  const reset = () => {
    [ID, USER, CART].forEach(drop);
    cookie(ID, "");
  };
  const said = () => get(SAID) || found(SAID);
  const allowed = () =>
    said() ? said() == "yes" : !(set.consent == "required" || nav.globalPrivacyControl || nav.doNotTrack == 1);

  // --- the queue: an entry of storage for each event, named by its time and its tab; each tab sends its own ---

  // Calls of somebody who may yet consent, in memory alone.
  const held = [], tab = unique(), locks = nav.locks;
  let count = 0, timer, tries = 0, most = 50, flight = [], free;
  const stamp = ago => (Date.now() - ago).toString(36);
  const keys = () => [...Object.keys(disk), ...Object.keys(memory)].filter(name => name.startsWith(QUEUE)).sort();
  const mine = () => keys().filter(name => name.endsWith(tab));
  // While something waits, a lock says that the tab lives; the lock ends with the tab.
  const live = () => {
    if (free || !locks) return;
    free = () => {};
    locks.request("beckon" + tab, () => mine()[0] ? new Promise(done => free = done) : free = 0);
  };
  // What tabs left that are gone is for the next to come. Where browsers have no locks, without TLS, old events are taken for such.
  const adopt = async () => {
    const living = locks ? (await locks.query()).held : [];
    keys().forEach(name => {
      if (name.slice(8, 16) > stamp(locks ? 500 : 6e4) || living.some(lock => lock.name == "beckon" + name.slice(20))) return;
      const text = get(name);
      drop(name);
      put(name.slice(0, 20) + tab, text);
    });
    live();
    flush(0);
  };
  const inherit = () => locks ? locks.request("beckon", {ifAvailable: true}, lock => lock && adopt()) : adopt();

  const add = event => {
    const last = get(USER), waiting = keys();
    // Somebody else at the same browser.
    if (event.userId && last && event.userId != last) reset();
    event.anonymousId = anonymous();
    event.userId = event.userId || last;
    if (event.userId) put(USER, event.userId);
    if (waiting.length > 999) drop(waiting[0]);
    put(QUEUE + stamp(0) + (count++).toString(36).padStart(4, 0) + tab, JSON.stringify(event));
    live();
    timer || flush(50);
  };
  const page = () => ({url: location.href, path: location.pathname, search: location.search, title: d.title, referrer: d.referrer});
  const record = (type, fields) => {
    if (said() == "no") return;
    const campaign = {};
    new URLSearchParams(location.search).forEach((value, name) => {
      if (/^utm_/.test(name)) campaign[name == "utm_campaign" ? "name" : name.slice(4)] = value;
    });
    const context = {library: {name: "beckon.js"}, page: page(), campaign};
    held.push(JSON.parse(JSON.stringify({type, messageId: unique(), timestamp: new Date(), context, ...fields})));
    if (allowed()) held.splice(0).forEach(add);
    else if (held.length > 99) held.shift();
  };

  // --- sending ---

  // What goes into one request, under the 64 KiB that may be under way when a page is left.
  const fit = names => {
    let size = 0;
    return names.slice(0, most).filter((name, at) => (size += get(name).length) < 2e4 || !at);
  };
  const body = names => `{"writeKey":${JSON.stringify(set.key)},"sentAt":"${new Date().toISOString()}","batch":[${names.map(get)}]}`;
  const send = async () => {
    timer = 0;
    const names = allowed() && !flight[0] ? fit(mine()) : [];
    if (!names[0]) return;
    flight = names;
    const text = body(names);
    // As text/plain no other question goes before it (CORS).
    const answer = await fetch(url, {
      method: "POST", body: text, keepalive: text.length < 2e4, credentials: "omit", signal: AbortSignal.timeout(3e4),
    }).catch(() => 0);
    flight = [];
    const status = answer.status, refused = status == 400 || status == 413;
    // What is refused is taken apart, so that one event does not take others with it.
    if (refused && names[1]) most = 1;
    else if (refused || answer.ok) {
      names.forEach(drop);
      tries = 0;
    } else {
      const wait = answer && answer.headers.get("Retry-After") * 1e3 || Math.min(3e5, 1e3 * 2 ** tries++);
      put(WAIT, Date.now() + wait * (1 + Math.random() / 4));
    }
    if (mine()[0]) return flush(0);
    most = 50;
    const done = free;
    free = 0;
    done && done();
  };
  const flush = soon => {
    clearTimeout(timer);
    timer = setTimeout(send, Math.max(soon, (get(WAIT) || 0) - Date.now()));
  };
  addEventListener("pagehide", () => {
    const names = allowed() ? fit(mine().filter(name => !flight.includes(name))) : [];
    if (names[0]) nav.sendBeacon(url, body(names));
  });
  d.addEventListener("visibilitychange", () => flush(0));
  addEventListener("online", () => { drop(WAIT); flush(0); });

  // --- the calls ---

  const calls = {
    identify(user, traits) {
      record("identify", typeof user == "object" ? {traits: user} : {userId: text(user), traits});
    },
    track(event, properties) {
      record("track", {event, properties});
    },
    page(name, properties) {
      const named = typeof name == "string";
      record("page", {name: named ? name : undefined, properties: {...page(), ...(named ? properties : name)}});
    },
    // true and false are about all that this script does; {newsletter: true} is an act about a topic.
    consent(told, more) {
      if (typeof told == "object") {
        for (const given of [true, false]) {
          const topics = Object.keys(told).filter(topic => !told[topic] != given);
          if (topics.length) calls.track(given ? "Consent Given" : "Consent Withdrawn", {...more, topics});
        }
        return;
      }
      if (!told) {
        reset();
        keys().forEach(drop);
        held.length = 0;
      }
      put(SAID, told ? "yes" : "no");
      cookie(SAID, said());
      held.splice(0).forEach(add);
    },
    reset,
  };
  const beckon = (name, ...given) => {
    try { calls[name](...given); } catch (error) { console.warn("beckon", error); }
  };

  // --- a Tag Manager's dataLayer: GA4's e-commerce events, and the older ecommerce objects, as those of Segment's e-commerce spec ---

  const names = {
    search: "Products Searched", view_item_list: "Product List Viewed",
    view_promotion: "Promotion Viewed", select_promotion: "Promotion Clicked", select_item: "Product Clicked", view_item: "Product Viewed",
    add_to_wishlist: "Product Added to Wishlist", add_to_cart: "Product Added", remove_from_cart: "Product Removed", view_cart: "Cart Viewed",
    begin_checkout: "Checkout Started", add_payment_info: "Payment Info Entered", purchase: "Order Completed", refund: "Order Refunded",
  };
  const older = {
    detail: "view_item", click: "select_item", add: "add_to_cart", remove: "remove_from_cart", checkout: "begin_checkout",
    purchase: 0, refund: 0,
  };
  const text = value => value && value + "";
  const number = value => value == null || value === "" ? undefined : +value;
  const product = item => ({
    product_id: text(item.item_id ?? item.id ?? item.item_name), name: item.item_name ?? item.name, category: item.item_category ?? item.category,
    brand: item.item_brand ?? item.brand, variant: item.item_variant ?? item.variant, coupon: item.coupon, price: number(item.price),
    quantity: number(item.quantity ?? 1), position: number(item.index ?? item.position),
  });
  const cart = () => {
    const id = get(CART) || unique();
    if (allowed()) put(CART, id);
    else memory[CART] = id;
    return id;
  };
  const shop = (event, told) => {
    const items = (told.items || []).map(product), whole = {currency: told.currency};
    if (/cart|checkout|payment|purchase/.test(event)) whole.cart_id = text(told.cart_id) || cart();
    if (/item$|^add_to|^remove/.test(event)) return items.forEach(item => beckon("track", names[event], {...item, ...whole}));
    if (told.items) whole.products = items;
    if (/list/.test(event)) {
      whole.list_id = text(told.item_list_id);
      whole.category = told.item_list_name ?? items[0]?.category;
    }
    if (/search/.test(event)) whole.query = text(told.search_term);
    if (/promotion/.test(event)) {
      whole.promotion_id = text(told.promotion_id);
      whole.name = told.promotion_name;
    }
    if (/check|pay|view_cart/.test(event)) whole.value = number(told.value);
    if (told.transaction_id) {
      whole.order_id = text(told.transaction_id);
      whole.coupon = told.coupon;
      const tax = whole.tax = number(told.tax), shipping = whole.shipping = number(told.shipping);
      const revenue = whole.revenue = number(told.value) ?? (told.items && items.reduce((sum, item) => sum + item.price * item.quantity, 0));
      if (revenue != null) whole.total = +(revenue + (tax || 0) + (shipping || 0)).toFixed(4);
    }
    beckon("track", names[event], whole);
    if (event == "purchase") drop(CART);
  };
  const see = entry => {
    const [event, told] = entry[0] == "event" ? [entry[1], entry[2]] : [entry.event, {...entry, ...entry.ecommerce}];
    if (names[event] && (told.items || told.transaction_id || told.search_term || told.promotion_id)) return shop(event, told);
    const all = entry.ecommerce, currency = all.currencyCode, seen = all.impressions;
    if (seen) shop("view_item_list", {items: seen, item_list_name: seen[0].list, currency});
    for (const part in older) {
      const {actionField: field = {}, products: items} = all[part] || {};
      if (!items && !field.id || field.step > 1) continue;
      // This revenue has tax and shipping in it, GA4's value has not.
      const value = field.revenue && field.revenue - (field.tax || 0) - (field.shipping || 0);
      shop(older[part] || part, {...field, items, value, transaction_id: field.id, currency});
    }
  };
  // A consent, or its withdrawal, that the page told of before this script was there counts for all that follows.
  const before = w.beckon?.q || [];
  beckon.on = true;
  w.beckon = beckon;
  before.forEach(given => beckon(...given));

  const layer = set.layer ?? "dataLayer";
  if (layer) {
    const list = w[layer] = w[layer] || [], push = list.push, safe = entry => {
      // What has another shape is not for this script.
      try { see(entry); } catch {}
    };
    list.push = (...entries) => {
      entries.forEach(safe);
      return push.apply(list, entries);
    };
    [...list].forEach(safe);
  }

  inherit();
  setTimeout(inherit, 1e3);
})();
