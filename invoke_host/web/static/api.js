// Calls to the host. Every failure becomes an ApiError whose `problems` are sentences for people.

export class ApiError extends Error {
  constructor(status, problems) {
    super(problems.join("; "));
    this.status = status;
    this.problems = problems;
  }
}

export async function call(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, ["The host can't be reached."]);
  }
  const text = await response.text();
  const content = parse(text);
  if (!response.ok) throw new ApiError(response.status, problemsOf(content, response));
  return content;
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
