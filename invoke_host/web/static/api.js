// Calls to the host. Every failure becomes an ApiError whose `problems` are sentences for people.
//
// No token is ever held here: the browser keeps the session in a cookie that scripts can't read.

export class ApiError extends Error {
  constructor(status, problems, retryAfterS = 0) {
    super(problems.join("; "));
    this.status = status;
    this.problems = problems;
    this.retryAfterS = retryAfterS; // what Retry-After says, or 0
  }
}

let unauthorized = () => {};

// `listener` hears of every 401, so that one place decides whether the session has ended.
export function onUnauthorized(listener) {
  unauthorized = listener;
}

export async function call(method, path, body) {
  return (await ask(method, path, body)).content;
}

// As `call`, with the headers of the answer.
export async function ask(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body instanceof FormData) {
    options.body = body; // the browser writes the boundary into the content type
  } else if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, ["The host can't be reached."]);
  }
  const content = parse(await response.text());
  if (response.ok) return { content, headers: response.headers };
  if (response.status === 401) unauthorized(path);
  const retryAfterS = Number(response.headers.get("Retry-After")) || 0;
  throw new ApiError(response.status, problemsOf(content, response), retryAfterS);
}

// What an error says to people, whoever threw it.
export function sentences(error) {
  return error instanceof ApiError ? error.problems : ["Something went wrong in this page."];
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function problemsOf(content, response) {
  const detail = content?.detail;
  if (Array.isArray(detail)) return detail.map((each) => `${each.loc.slice(1).join(".")}: ${each.msg}`);
  return [detail ?? `${response.status} ${response.statusText}`];
}
