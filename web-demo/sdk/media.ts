/** What only somebody in a call needs: loaded with the first one, while the server is asked for a seat. */
export { MediaLink } from './media-link';
export { StatsReader } from './stats';
export { hosted } from './hosting';
export { renewIceServers } from './ice-renewal';
export { placesAhead, placesFor } from './places';
