// The well-behaved function beside the hostile ones.
import { define } from "@jelou/functions";

export default define({ description: "Well", config: { public: true }, handler: () => "well" });
