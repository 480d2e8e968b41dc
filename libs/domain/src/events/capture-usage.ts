import { type Static, Type } from '@sinclair/typebox';
import { Nullable } from './wire';

/** What a capture was for, as its caller said. */
export interface CaptureUsage {
  readonly serviceType: string | null;
  readonly workspaceId: string | null;
  readonly userId: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly model: string | null;
  readonly taskId: string | null;
}

export const WireCaptureUsage = Type.Object({
  service_type: Nullable(Type.String()),
  workspace_id: Nullable(Type.String()),
  user_id: Nullable(Type.String()),
  resource_type: Nullable(Type.String()),
  resource_id: Nullable(Type.String()),
  model: Nullable(Type.String()),
  task_id: Nullable(Type.String()),
});

export const readCaptureUsage = (wire: Static<typeof WireCaptureUsage>): CaptureUsage => ({
  serviceType: wire.service_type,
  workspaceId: wire.workspace_id,
  userId: wire.user_id,
  resourceType: wire.resource_type,
  resourceId: wire.resource_id,
  model: wire.model,
  taskId: wire.task_id,
});

export const writeCaptureUsage = (usage: CaptureUsage): Static<typeof WireCaptureUsage> => ({
  service_type: usage.serviceType,
  workspace_id: usage.workspaceId,
  user_id: usage.userId,
  resource_type: usage.resourceType,
  resource_id: usage.resourceId,
  model: usage.model,
  task_id: usage.taskId,
});
