// Format a distance in metres for the reader.
export function distance(metres) {
  const [value, unit] = metres < 999.5 ? [metres, "meter"] : [metres / 1000, "kilometer"];
  const maximumFractionDigits = unit === "kilometer" && value < 9.95 ? 1 : 0;
  return value.toLocaleString(undefined, { style: "unit", unit, maximumFractionDigits });
}
