import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { fieldsOf, isObject, type Shape } from './field';
import { readQuery, readShape } from './read-shape';

const isShape = (type: unknown): type is Shape => typeof type === 'function' && fieldsOf(type as Shape).size > 0;

/** Gives controllers bodies and queries as instances of the shapes that they declare, checked. */
@Injectable()
export class ShapePipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (!isShape(metatype)) return value;
    if (type === 'body') return readShape(metatype, value);
    return type === 'query' && isObject(value) ? readQuery(metatype, value) : value;
  }
}
