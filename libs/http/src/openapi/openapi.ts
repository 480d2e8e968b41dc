import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { completed } from './complete';

const DESCRIPTION = [
  'Prepaid credits and usage billing. Amounts are decimal strings, instants RFC 3339 in UTC.',
  'Errors are RFC 9457 problems with a stable `code`. Every answer that wrote something carries a `position`;',
  'any read takes it as `?after=` and answers only once it has got there. Bodies are at most 4 MiB, or what their route says.',
].join(' ');

/** `walletsBalance` for `WalletsController.balance`. */
const operationIdFactory = (controller: string, method: string): string => {
  const name = controller.replace(/Controller$/, '');
  return name.charAt(0).toLowerCase() + name.slice(1) + method.charAt(0).toUpperCase() + method.slice(1);
};

/** Keeps the OpenAPI document of the running application, made from its controllers at the first request for it. */
@Injectable()
export class OpenApi {
  private app: INestApplication | undefined;
  private made: OpenAPIObject | undefined;
  private written: Buffer | undefined;

  describe(app: INestApplication): void {
    this.app = app;
  }

  document(): OpenAPIObject {
    if (this.app === undefined) throw new Error('no application to describe');
    this.made ??= openApiOf(this.app);
    return this.made;
  }

  /** The document as it is answered: one for all, whoever asks, and however slowly it is read. */
  bytes(): Buffer {
    this.written ??= Buffer.from(JSON.stringify(this.document()));
    return this.written;
  }
}

/** The OpenAPI document of an application: what the controllers say, completed from the table of routes. */
export const openApiOf = (app: INestApplication): OpenAPIObject => {
  const info = new DocumentBuilder()
    .setTitle('Drawdown')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setOpenAPIVersion('3.1.0')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'an API key, or the OIDC token of a person' }, 'key')
    .addSecurityRequirements('key')
    .build();
  return completed(SwaggerModule.createDocument(app, info, { operationIdFactory }));
};
