// Does what it should, beside the others.
import { define } from "@jelou/functions";

export default define({ description: "Well", config: { public: true }, handler: () => "well" });
