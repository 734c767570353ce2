// Sends calls with Segment's library for Node: `node send.cjs URL WRITE_KEY SHIFT_MS <calls.json`.
//
// The calls are a list of [method, arguments]. SHIFT_MS sets the clock of this machine wrong, as that of a customer may be.

const { Analytics } = require("@segment/analytics-node");

const [url, writeKey, shift] = process.argv.slice(2);
const wrong = Number(shift);
const Right = Date;

global.Date = class extends Right {
  constructor(...given) {
    super(...(given.length ? given : [Right.now() + wrong]));
  }

  static now() {
    return Right.now() + wrong;
  }
};

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const analytics = new Analytics({ host: url, writeKey, maxRetries: 3 });
  const failed = [];
  analytics.on("error", (error) => failed.push(String(error.reason ?? error)));
  for (const [method, call] of JSON.parse(text)) analytics[method](call);
  await analytics.closeAndFlush({ timeout: 30_000 });
  if (failed.length) throw new Error(failed.join("; "));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
