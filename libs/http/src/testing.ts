export { AUDIENCE, type Issuer, openIssuer } from './testing/issuer';
