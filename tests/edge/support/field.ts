// Values that do not fit a field, drawn from what the field is. Values are JSON text, so that what JavaScript cannot hold
// (1.0, -0, 2^64) can be sent.

export type Field = {
  kind: Kind;
  /** Whether the field must be there. */
  required?: boolean;
};

export type Kind =
  | { is: "text"; min: number; max: number; /** An empty one means none. */ emptyIsNone?: boolean }
  | { is: "form"; bad: string[] }
  | { is: "whole"; min: number; max: number }
  | { is: "number"; min: number; max: number }
  | { is: "flag" }
  | { is: "object"; bytes: number }
  | { is: "tags" }
  | { is: "time" }
  /** A list, or another thing that is no text; the JSON texts that are none of its. */
  | { is: "list"; bad: string[] }
  | { is: "one of"; values: string[] };

/** What no text field takes: another type. */
const NO_TEXTS = ["7", "true", "[]", "{}", '["x"]', '{"x":"y"}'];
const NO_NUMBERS = ['"1"', '""', "true", "[1]", "{}"];
/** Control characters that are neither tab nor newline. */
const CONTROLS = ["\\u0000", "\\r", "\\u001b", "\\u007f", "\\u0085"];

/** JSON texts that the field refuses. */
export function unfit({ kind, required }: Field): string[] {
  const none = required ? ["null"] : [];
  switch (kind.is) {
    case "text":
      return [
        ...none, ...NO_TEXTS, quote("x".repeat(kind.max + 1)), quote("🦀".repeat(kind.max + 1)),
        ...CONTROLS.map((control) => `"a${control}b"`), ...(kind.min > 0 && !kind.emptyIsNone ? ['""'] : []),
        ...(kind.min > 1 ? [quote("x".repeat(kind.min - 1))] : []),
      ];
    case "form":
      return [...none, ...NO_TEXTS, ...kind.bad.map(quote)];
    case "whole":
      return [
        ...none, ...NO_NUMBERS, "-1", "-9007199254740993", "1.5", "1.0", "1E2", "1e300", "1e-300", "18446744073709551616",
        `${kind.max + 1}`, ...(kind.min > 0 ? ["0", "-0", `${kind.min - 1}`] : []),
      ];
    case "number":
      return [...none, ...NO_NUMBERS, `${kind.max + 0.0001}`, `${kind.min - 0.0001}`, "1e300", "18446744073709551616"];
    case "flag":
      return [...none, "0", "1", '"true"', '"false"', '""', '"yes"', "[]", "{}"];
    case "object":
      return [...none, '"x"', '""', "7", "true", "[]", "[{}]", `{"x":${quote("y".repeat(kind.bytes - 7))}}`, `{"x":${quote("é".repeat(kind.bytes / 2 - 3))}}`];
    case "tags":
      return [
        ...none, '"x"', "7", "true", '{"a":{}}', '{"a":[]}', "[[]]", "[{}]", JSON.stringify(Array(33).fill(1)),
        JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, at) => [`k${at}`, at]))), `["${"x".repeat(16_384)}"]`,
      ];
    case "list":
      return [...none, '"x"', '""', "7", "true", ...kind.bad];
    case "time":
      return [
        ...none, ...NO_TEXTS, "1770000000", "1770000000000",
        ...["", "now", "2099", "2099-01-01", "2099-01-01T00:00:00", "2099-01-01 00:00:00Z", "2099-02-30T00:00:00Z", "2099-13-01T00:00:00Z",
          "2099-01-01T24:00:00Z", "2099-01-01T00:60:00Z", "2099-01-01T00:00:00+25:00", "2099-01-01T00:00:00.Z", "+099-01-01T00:00:00Z", " 2099-01-01T00:00:00Z",
          "2020-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z"].map(quote),
      ];
    case "one of":
      return [...none, ...NO_TEXTS, '""', '"x"', ...kind.values.flatMap((value) => [quote(value.toUpperCase()), quote(` ${value}`), quote(`${value}s`)])];
  }
}

/** JSON texts at the ends of what the field takes. */
export function fit({ kind }: Field): string[] {
  switch (kind.is) {
    case "text":
      return ["x", "é", "🦀", "\t\n"].flatMap((letter) => [kind.min, kind.max].map((length) => quote([...letter.repeat(length)].slice(0, length).join(""))));
    case "whole":
      return [`${kind.min}`, `${kind.max}`];
    case "number":
      return [`${kind.min}`, `${kind.max}`, "-0", "0.0", "1e-9", "5e-324"];
    case "flag":
      return ["true", "false"];
    case "object":
      return ["{}", `{"x":${quote("y".repeat(kind.bytes - 8))}}`, `{"x":${quote("é".repeat(kind.bytes / 2 - 4))}}`];
    case "tags":
      return ["{}", "[]", '{"a":null,"b":1.5,"c":"x","d":false}', JSON.stringify(Array(32).fill("x"))];
    case "time":
      return ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00.123456789Z", "2099-01-01t00:00:00z", "2099-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999Z"].map(quote);
    case "one of":
      return kind.values.map(quote);
    case "form":
    case "list":
      return [];
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
