import { Component, type ComponentChildren } from 'preact';
import { callGoesOn } from '../door';
import { t } from '../strings';

interface Props {
  name: string;
  children: ComponentChildren;
  fallback?: ComponentChildren;
}

/** Keeps a failure in its part of the page. Resetting it never touches the call. */
export class Boundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  override componentDidCatch(error: unknown): void {
    console.error(`convene: ${this.props.name} failed`, error);
    this.setState({ failed: true });
  }

  override render({ children, fallback }: Props) {
    if (!this.state.failed) return children;
    if (fallback !== undefined) return fallback;
    return (
      <div class="crash" role="alert">
        <p>{t.crash.title}</p>
        {callGoesOn.value && <p class="meta">{t.crash.call}</p>}
        <button type="button" class="btn btn-plain" onClick={() => this.setState({ failed: false })}>
          {t.crash.reopen}
        </button>
      </div>
    );
  }
}
