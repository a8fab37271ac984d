// The page of the API's document: shows it, signs in with two factors, and calls the API that served it.
// Tokens stay in this page's memory: closing it forgets them.
"use strict";

const base = new URL(".", window.location.href).href.replace(/\/$/, "");
const element = (id) => document.getElementById(id);
const RENEW_BEFORE_SECONDS = 30;

let ui = null;
let tokens = null;
let challenge = "";
let renewal = 0;

function say(text, refused = false) {
  element("message").textContent = text;
  element("message").classList.toggle("refused", refused);
}

function show(step) {
  for (const id of ["first-factor", "second-factor", "signed-in"]) element(id).hidden = id !== step;
  const first = element(step).querySelector("input");
  if (first) first.focus();
}

async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (tokens) headers.Authorization = `Bearer ${tokens.access_token}`;
  const answer = await fetch(`${base}${path}`, { method, headers, body: body === undefined ? body : JSON.stringify(body) });
  const text = await answer.text();
  const content = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Error(content.detail || content.title || `The API answered ${answer.status}.`);
  return content;
}

function keep(fresh) {
  tokens = fresh;
  window.clearTimeout(renewal);
  if (fresh) {
    ui.preauthorizeApiKey("accessToken", fresh.access_token);
    renewal = window.setTimeout(renew, Math.max(1, fresh.expires_in - RENEW_BEFORE_SECONDS) * 1000);
  } else {
    ui.authActions.logout(["accessToken"]);
  }
}

async function renew() {
  const token = tokens.refresh_token;
  try {
    keep(await call("POST", "/v1/sessions/refresh", { refresh_token: token }));
  } catch (refusal) {
    keep(null);
    show("first-factor");
    say(`The session has ended. ${refusal.message}`, true);
  }
}

function on(form, act) {
  element(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = element(form).querySelector("button");
    button.disabled = true;
    say("");
    try {
      await act();
    } catch (refusal) {
      say(refusal.message, true);
    } finally {
      button.disabled = false;
    }
  });
}

on("first-factor", async () => {
  const started = await call("POST", "/v1/sessions", {
    workspace: element("workspace").value.trim(),
    email: element("email").value.trim(),
    password: element("password").value,
  });
  challenge = started.challenge;
  element("password").value = "";
  element("enrolment").hidden = !started.enrolment;
  element("secret").textContent = started.enrolment ? started.enrolment.secret : "";
  if (started.enrolment) element("otpauth").href = started.enrolment.otpauth_uri;
  element("code").value = "";
  show("second-factor");
  say("Enter the code that your authenticator app shows.");
});

on("second-factor", async () => {
  const code = element("code").value.trim();
  keep(await call("POST", "/v1/sessions/verify", { challenge, code }));
  challenge = "";
  element("secret").textContent = "";
  element("otpauth").removeAttribute("href");
  element("whose").textContent = element("workspace").value.trim();
  show("signed-in");
});

on("signed-in", async () => {
  try {
    await call("DELETE", "/v1/sessions/current");
  } finally {
    keep(null);
    show("first-factor");
  }
  say("Signed out.");
});

element("back").addEventListener("click", () => {
  challenge = "";
  say("");
  show("first-factor");
});

async function load() {
  const spec = await call("GET", "/v1/openapi.json");
  spec.servers = [{ url: base }];
  ui = window.SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    layout: "BaseLayout",
    presets: [window.SwaggerUIBundle.presets.apis],
    deepLinking: true,
    docExpansion: "list",
    filter: true,
    validatorUrl: null,
  });
}

load().catch((failure) => say(`The document could not be loaded. ${failure.message}`, true));
