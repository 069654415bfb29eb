/** The camera's stream: opened once and kept while a screen shows it. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem, type ProblemCode } from "../types";

/** What some tracks can do beyond what TypeScript's library knows. */
interface Abilities extends MediaTrackCapabilities {
  torch?: boolean;
  zoom?: { min: number; max: number; step: number };
}

export type Camera =
  | { phase: "off" | "starting" }
  | { phase: "failed"; problem: Problem }
  | { phase: "live"; stream: MediaStream; abilities: Abilities; several: boolean };

export interface Adjustment {
  torch?: boolean;
  zoom?: number;
}

export interface CameraControls {
  camera: Camera;
  start: () => void;
  stop: () => void;
  flip: () => void;
  adjust: (what: Adjustment) => Promise<void>;
}

const REAR: MediaTrackConstraints = { facingMode: { ideal: "environment" } };
const SIZE: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 960 } };

export function useCamera(): CameraControls {
  const [camera, setCamera] = useState<Camera>({ phase: "off" });
  const stream = useRef<MediaStream | undefined>(undefined);
  const choice = useRef(REAR);
  const wanted = useRef<Adjustment>({});
  // Counts the wishes to start or stop: a stream that comes after a newer wish is closed unseen.
  const wish = useRef(0);

  const close = useCallback(() => {
    wish.current += 1;
    for (const track of stream.current?.getTracks() ?? []) track.stop();
    stream.current = undefined;
  }, []);

  const start = useCallback(async () => {
    close();
    const mine = wish.current;
    wanted.current = {};
    setCamera({ phase: "starting" });
    try {
      const opened = await open(choice.current);
      if (mine !== wish.current) return opened.getTracks().forEach((track) => track.stop());
      stream.current = opened;
      const track = opened.getVideoTracks()[0]!;
      track.addEventListener("ended", () => {
        if (mine === wish.current)
          setCamera({ phase: "failed", problem: new Problem("camera-lost") });
      });
      const several = (await cameras()).length > 1;
      if (mine !== wish.current) return;
      if (track.readyState === "ended") throw new Problem("camera-lost");
      setCamera({ phase: "live", stream: opened, abilities: abilitiesOf(track), several });
    } catch (error) {
      if (mine === wish.current) setCamera({ phase: "failed", problem: problemOf(error) });
    }
  }, [close]);

  const stop = useCallback(() => {
    close();
    setCamera({ phase: "off" });
  }, [close]);

  const flip = useCallback(async () => {
    const settings = stream.current?.getVideoTracks()[0]?.getSettings();
    choice.current = await next(settings);
    await start();
  }, [start]);

  const adjust = useCallback(async (what: Adjustment) => {
    const track = stream.current?.getVideoTracks()[0];
    if (!track) return;
    // What is asked for replaces all that was asked for before: say everything again.
    wanted.current = { ...wanted.current, ...what };
    const advanced = [wanted.current as MediaTrackConstraintSet];
    await track.applyConstraints({ ...track.getConstraints(), advanced });
  }, []);

  useEffect(() => close, [close]);
  // Asking unasked would startle: only where the person has allowed the camera before.
  useEffect(() => {
    const mine = wish.current;
    void allowed().then((yes) => yes && mine === wish.current && void start());
  }, [start]);
  return { camera, start, stop, flip, adjust };
}

async function open(choice: MediaTrackConstraints): Promise<MediaStream> {
  // Absent on pages that the browser holds for insecure.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new Problem("camera-none", "no mediaDevices");
  return devices.getUserMedia({ video: { ...SIZE, ...choice }, audio: false });
}

async function cameras(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput");
}

/** The other side of a phone; on a desktop, whose cameras face no known way, the next one. */
async function next(settings: MediaTrackSettings | undefined): Promise<MediaTrackConstraints> {
  if (settings?.facingMode === "environment") return { facingMode: { ideal: "user" } };
  if (settings?.facingMode === "user") return REAR;
  const all = await cameras();
  const at = all.findIndex(({ deviceId }) => deviceId === settings?.deviceId);
  const other = all[(at + 1) % all.length];
  return other ? { deviceId: { exact: other.deviceId } } : REAR;
}

function abilitiesOf(track: MediaStreamTrack): Abilities {
  // Firefox has no getCapabilities on some versions.
  const read = track.getCapabilities as (() => MediaTrackCapabilities) | undefined;
  return read?.call(track) ?? {};
}

async function allowed(): Promise<boolean> {
  try {
    const answer = await navigator.permissions.query({ name: "camera" as PermissionName });
    return answer.state === "granted";
  } catch {
    return false;
  }
}

const CODES: Record<string, ProblemCode> = {
  NotAllowedError: "camera-refused",
  SecurityError: "camera-refused",
  NotFoundError: "camera-none",
  OverconstrainedError: "camera-none",
  NotReadableError: "camera-busy",
  AbortError: "camera-busy",
};

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { name, message } = error as DOMException;
  return new Problem(CODES[name] ?? "internal", message);
}
