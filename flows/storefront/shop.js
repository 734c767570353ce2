// The demo's shop: pages behind the # of the address, a cart in this browser, and what a shop tells of its visitors.
"use strict";

window.beckon = window.beckon || function () { (beckon.q = beckon.q || []).push(arguments); };
window.dataLayer = window.dataLayer || [];

const main = document.getElementById("main");
const CART = "shop_cart";
const COLOURS = ["#dcebe4", "#f6e3d0", "#e2e4f3", "#f3dfe6"];
// What a product of a category looks like, roughly.
const SHAPES = {
  Laptops: "M14 12h36v26H14zM8 42h48l-3 6H11z",
  Phones: "M22 6h20v52H22zM28 52h8",
  Audio: "M12 36a20 20 0 0 1 40 0M12 36h7v16h-7zM45 36h7v16h-7z",
  Cameras: "M8 18h12l4-6h16l4 6h12v32H8zM32 24a10 10 0 1 0 .1 0",
};
const OTHER = "M12 20l20-10 20 10v24L32 54 12 44zM12 20l20 10 20-10M32 30v24";

let products = [];

// --- small parts ---

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const categories = () => [...new Set(products.map(product => product.category))];
const price = (amount, currency = "EUR") => new Intl.NumberFormat("en", {style: "currency", currency}).format(amount);
const found = id => products.find(product => product.product_id === id);

function tile(product) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg"), path = document.createElementNS(space, "path");
  picture.setAttribute("viewBox", "0 0 64 64");
  picture.setAttribute("aria-hidden", "true");
  for (const [key, value] of Object.entries({d: SHAPES[product.category] || OTHER, fill: "none", stroke: "#1c2321", "stroke-width": 2.5, "stroke-linejoin": "round", "stroke-linecap": "round"})) {
    path.setAttribute(key, value);
  }
  picture.append(path);
  const box = element("span", {class: "tile"}, picture);
  box.style.background = COLOURS[categories().indexOf(product.category) % COLOURS.length];
  return box;
}

// --- the cart ---

const inCart = () => JSON.parse(localStorage.getItem(CART) || "{}");

function change(product, by) {
  const cart = inCart(), quantity = (cart[product.product_id] || 0) + by;
  if (quantity > 0) cart[product.product_id] = quantity;
  else delete cart[product.product_id];
  localStorage.setItem(CART, JSON.stringify(cart));
  tell(by > 0 ? "add_to_cart" : "remove_from_cart", [item(product, 1)]);
  count();
}

const lines = () => Object.entries(inCart()).filter(([id]) => found(id)).map(([id, quantity]) => ({product: found(id), quantity}));
const sum = () => lines().reduce((total, {product, quantity}) => total + product.price * quantity, 0);

function count() {
  document.getElementById("in-cart").textContent = lines().reduce((number, line) => number + line.quantity, 0);
}

// --- what is told: to the dataLayer in GA4's words ---

const item = (product, quantity = 1) => ({
  item_id: product.product_id, item_name: product.name, item_brand: product.brand, item_category: product.category,
  price: product.price, quantity,
});

function tell(event, items, more = {}) {
  dataLayer.push({event, ecommerce: {currency: "EUR", items, ...more}});
}

// --- pages ---

function list(category) {
  const shown = products.filter(product => !category || product.category === category);
  tell("view_item_list", shown.map(product => item(product)), {item_list_id: category || "all", item_list_name: category || "All products"});
  return [
    element("h1", {}, category || "Good devices, honestly described"),
    element("ul", {class: "grid"}, ...shown.map(product => element("li", {},
      element("a", {href: `#/product/${product.product_id}`},
        tile(product),
        element("span", {class: "name"}, product.name),
        element("span", {class: "price quiet"}, price(product.price, product.currency)))))),
  ];
}

function one(product) {
  tell("view_item", [item(product)], {value: product.price});
  const add = element("button", {onclick: () => {
    change(product, 1);
    add.textContent = "In the cart. Add another";
  }}, "Add to cart");
  const wish = element("button", {class: "plain", onclick: () => {
    tell("add_to_wishlist", [item(product)]);
    wish.textContent = "Kept for later";
  }}, "Keep for later");
  return [
    element("div", {class: "product"}, tile(product), element("div", {},
      element("h1", {}, product.name),
      element("p", {class: "quiet"}, `${product.brand}, ${product.category.toLowerCase()}`),
      element("p", {class: "big price"}, price(product.price, product.currency)),
      element("div", {class: "buttons"}, add, wish))),
  ];
}

function cart() {
  if (!lines().length) return [element("h1", {}, "Your cart is empty"), element("p", {}, element("a", {href: "#/"}, "Look around"))];
  const items = () => lines().map(({product, quantity}) => item(product, quantity));
  tell("view_cart", items(), {value: sum()});
  const started = () => tell("begin_checkout", items(), {value: sum()});
  return [
    element("h1", {}, "Your cart"),
    element("ul", {class: "lines"},
      ...lines().map(({product, quantity}) => element("li", {},
        element("span", {}, `${quantity} × ${product.name} `,
          element("button", {class: "link", "aria-label": `Take out one ${product.name}`, onclick: () => { change(product, -1); show(); }}, "take out")),
        element("span", {class: "price"}, price(product.price * quantity)))),
      element("li", {}, element("strong", {}, "Total"), element("strong", {class: "price"}, price(sum())))),
    element("form", {onsubmit: order},
      element("label", {for: "first-name"}, "First name"),
      element("input", {id: "first-name", name: "first_name", autocomplete: "given-name", required: "", onfocus: once(started)}),
      element("label", {for: "email"}, "E-mail address"),
      element("input", {id: "email", name: "email", type: "email", autocomplete: "email", required: ""}),
      element("p", {class: "quiet"}, "Nothing is bought, and no mail is sent: what would be sent stands in the terminal."),
      element("button", {}, "Order")),
  ];
}

function once(call) {
  let done = false;
  return () => {
    if (!done) call();
    done = true;
  };
}

function order(event) {
  event.preventDefault();
  const told = Object.fromEntries(new FormData(event.target));
  const items = lines().map(({product, quantity}) => item(product, quantity));
  beckon("identify", {email: told.email, first_name: told.first_name});
  tell("purchase", items, {transaction_id: `o-${Date.now().toString(36)}`, value: sum()});
  localStorage.removeItem(CART);
  sessionStorage.setItem("shop_name", told.first_name);
  location.hash = "#/thanks";
}

function thanks() {
  return [
    element("h1", {}, `Thank you, ${sessionStorage.getItem("shop_name") || "there"}`),
    element("p", {}, "The terminal shows what your order set off."),
    element("p", {}, element("a", {href: "#/"}, "Look around further")),
  ];
}

// --- whether somebody wants to be followed ---

function followed() {
  const said = (document.cookie.match(/beckon_consent=(\w+)/) || [])[1];
  const refuses = navigator.globalPrivacyControl || navigator.doNotTrack === "1";
  const yes = said ? said === "yes" : !refuses;
  const button = element("button", {class: "link", onclick: () => { beckon("consent", !yes); followed(); }}, yes ? "Stop that." : "Let it be told.");
  const why = refuses && !said ? "Your browser asks not to be followed, so nothing" : yes ? "What you do here" : "Nothing of what you do here";
  document.getElementById("followed").replaceChildren(`${why} is told to Beckon. `, button);
}

// --- which page is shown ---

function show() {
  const [, kind, id] = location.hash.split("/").map(decodeURIComponent);
  const category = kind === "category" ? id : undefined;
  const content = kind === "product" && found(id) ? one(found(id)) : kind === "cart" ? cart() : kind === "thanks" ? thanks() : list(category);
  main.replaceChildren(...content);
  document.title = `${main.querySelector("h1").textContent} · Example Shop`;
  document.getElementById("categories").replaceChildren(...categories().map(name => element("a", {
    href: `#/category/${encodeURIComponent(name)}`, ...(name === category ? {"aria-current": "page"} : {}),
  }, name)));
  const news = document.getElementById("news");
  const looked = kind === "product" && found(id) ? found(id).category : category;
  news.href = news.getAttribute("href").split("?")[0] + "?placement=footer" + (looked ? `&category=${encodeURIComponent(looked)}` : "");
  count();
}

async function open() {
  products = await (await fetch("/catalog.json")).json();
  beckon("page", "Home");
  show();
  followed();
  addEventListener("hashchange", () => {
    show();
    scrollTo(0, 0);
    main.focus({preventScroll: true});
  });
}

open();
