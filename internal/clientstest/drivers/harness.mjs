// Runs cases with one client: directly, and through the proxy.
//
// The environment variable CONTROL is the URL of the test that started this
// program. It makes a key for each case, and checks answers and charges.

async function post(path, body) {
  const answer = await fetch(process.env.CONTROL + path, { method: "POST", body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text ? JSON.parse(text) : null;
}

// attempt returns the answer of a call, or its exception, as JSON.
async function attempt(call, url, key) {
  try {
    return { answer: await call(url, key) };
  } catch (e) {
    const cause = e.lastError ?? e; // the AI SDK wraps the error of the last try
    return { error: { type: cause.constructor.name, status: cause.status ?? cause.statusCode ?? null, code: cause.code ?? null, message: cause.message } };
  }
}

// makeCase runs call(url, key), as kind says (see check_test.go). error is the
// exception type that must come back through the proxy, and status its HTTP
// status, if one is given. quota and models are limits of the case's key, and
// key is used instead of it.
export async function makeCase(name, call, { kind = "equal", error, status, quota, models, key } = {}) {
  if (process.env.ONLY && !name.includes(process.env.ONLY)) return;
  const at = await post("/begin", { quota, models });
  const compared = kind === "equal" || kind === "estimate";
  const direct = compared ? await attempt(call, at.direct, at.upstream_key) : null;
  const proxied = await attempt(call, at.proxied, key ?? at.key);
  const problems = [];
  if (proxied.error?.type !== error || (status && proxied.error?.status !== status)) {
    problems.push(`got ${JSON.stringify(proxied).slice(0, 3000)}, want error ${error} with status ${status}`);
  }
  await post("/end", { case: name, kind, direct, proxied, problems });
}
