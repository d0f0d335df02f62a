// Numbers, times and statuses in words.

export const statuses = { 1: "enabled", 2: "disabled", 3: "expired", 4: "exhausted" };

const digits = new Intl.NumberFormat("en");
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const exactly = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "long" });

export const number = (n) => digits.format(n);

export const count = (n, what) => `${number(n)} ${what}${n === 1 ? "" : "s"}`;

/** A Unix second as a date and time, for whoever wants it exactly. */
export const exact = (second) => exactly.format(new Date(second * 1000));

/** A Unix second as seen from now: "in 3 days", "2 hours ago". */
export function fromNow(second, now = Date.now() / 1000) {
  const away = second - now;
  for (const [unit, seconds] of [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (Math.round(Math.abs(away) / seconds) >= (unit === "minute" ? 1 : 2)) return relative.format(Math.round(away / seconds), unit);
  }
  return away > 0 ? "in less than a minute" : "just now";
}

export const plain = (list) => (list.length ? list.join(", ") : "none");
