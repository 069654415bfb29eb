/** Starts the app in the language of the last visit. */
import { render } from "preact";
import { deviceLanguage, speak } from "./i18n";
import { loadSettings } from "./store/settings";
import { App } from "./ui/App";
import "./style.css";

async function main() {
  const settings = loadSettings(deviceLanguage());
  // English is built in: a language that can't be had keeps no one out.
  await speak(settings.language).catch(() => speak("en"));
  render(<App initial={settings} />, document.getElementById("app")!);
}

void main();
