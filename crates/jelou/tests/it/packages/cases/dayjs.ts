// packages: dayjs@1.11.23
// kind: Dates
// shows: a time zone and a language
// input: {"fecha":"2026-04-07T15:00:00Z"}
// answer: {"texto":"martes 7 de abril, 10:00","year":2026}
import dayjs from "dayjs";
import "dayjs/locale/es.js";
import timezone from "dayjs/plugin/timezone.js";
import utc from "dayjs/plugin/utc.js";
import { define, z } from "@jelou/functions";

dayjs.extend(utc);
dayjs.extend(timezone);

export default define({
  description: "A date by Day.js",
  input: z.object({ fecha: z.string() }),
  handler: ({ fecha }) => {
    const date = dayjs(fecha).tz("America/Guayaquil").locale("es");
    return { texto: date.format("dddd D [de] MMMM, HH:mm"), year: date.year() };
  },
});
