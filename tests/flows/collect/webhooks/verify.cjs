// What the vendors' own libraries for Node say of requests: `NODE_PATH=... node verify.cjs <requests.json`.
//
// Each request has `esp`, `headers`, `body`, and `key` (SendGrid) or `certificate` (SNS, which is given in the place of a download).

const https = require("https");
const { PassThrough } = require("stream");
const { EventWebhook, EventWebhookHeader } = require("@sendgrid/eventwebhook");
const MessageValidator = require("sns-validator");

function sendgrid({ headers, body, key }) {
  const webhook = new EventWebhook();
  const [signature, stamp] = [EventWebhookHeader.SIGNATURE(), EventWebhookHeader.TIMESTAMP()].map((name) => headers[name.toLowerCase()]);
  return webhook.verifySignature(webhook.convertPublicKeyToECDSA(key), body, signature, stamp);
}

function ses({ body, certificate }) {
  https.get = (_, answer) => {
    const came = Object.assign(new PassThrough(), { statusCode: 200 });
    answer(came);
    came.end(certificate);
    return came;
  };
  return new Promise((done) => new MessageValidator().validate(body, (error) => done(!error)));
}

async function main() {
  let text = "";
  for await (const piece of process.stdin) text += piece;
  const said = [];
  for (const request of JSON.parse(text)) said.push(await { sendgrid, ses }[request.esp](request));
  console.log(JSON.stringify(said));
}

main();
