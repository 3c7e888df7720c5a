// packages: luxon@3.7.2
// kind: Dates
// shows: a time zone with summer time, and a duration
// input: {"fecha":"2026-03-29T00:30:00Z"}
// answer: {"before":"2026-03-29T01:30:00.000+01:00","after":"2026-03-29T03:30:00.000+02:00","duration":"P1DT2H"}
import { DateTime, Duration } from "luxon";
import { define, z } from "@jelou/functions";

export default define({
  description: "A date by Luxon",
  input: z.object({ fecha: z.string() }),
  handler: ({ fecha }) => {
    const date = DateTime.fromISO(fecha, { zone: "Europe/Madrid" });
    return {
      before: date.toISO(),
      after: date.plus({ hours: 1 }).toISO(),
      duration: Duration.fromObject({ hours: 26 }).shiftTo("days", "hours").toISO(),
    };
  },
});
