import axios from "axios";

export default {
  fetch: () => Response.json(axios.getUri({ url: "/a", params: { b: 1 } })),
};
