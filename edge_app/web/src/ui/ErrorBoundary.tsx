/** Catches what a screen throws, so that the rest of the app stays usable. */
import { Component, type ComponentChildren } from "preact";
import { t } from "../i18n";

export class ErrorBoundary extends Component<{ children: ComponentChildren }, { broken: boolean }> {
  override state = { broken: false };

  static override getDerivedStateFromError() {
    return { broken: true };
  }

  override componentDidCatch(error: unknown) {
    console.error(error);
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <main id="main" class="screen">
        <div class="note problem" role="alert">
          <div>
            <h1>{t("crash.title")}</h1>
            <p>{t("crash.help")}</p>
            <div class="row">
              <button type="button" class="button" onClick={() => this.setState({ broken: false })}>
                {t("crash.continue")}
              </button>
              <button type="button" class="button quiet" onClick={() => location.reload()}>
                {t("crash.reload")}
              </button>
            </div>
          </div>
        </div>
      </main>
    );
  }
}
