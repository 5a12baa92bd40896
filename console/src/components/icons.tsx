// The few pictures of the console, drawn on a grid of 24. All are decoration: a word stands beside each, or names its button.
import type { ReactNode } from 'react';

const icon =
  (content: ReactNode) =>
  ({ size = 16 }: { readonly size?: number }) => (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {content}
    </svg>
  );

export const CheckIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="m8.5 12.5 2.5 2.5 5-5.5" />
  </>,
);
export const CrossIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="m9 9 6 6m0-6-6 6" />
  </>,
);
export const PauseIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M10 9v6m4-6v6" />
  </>,
);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 7v5l3 2" />
  </>,
);
export const RetryIcon = icon(
  <>
    <path d="M4 12a8 8 0 0 1 14-5.3L20 9" />
    <path d="M20 4v5h-5" />
    <path d="M20 12a8 8 0 0 1-14 5.3L4 15" />
    <path d="M4 20v-5h5" />
  </>,
);
export const StopIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="m6 6 12 12" />
  </>,
);
export const AlertIcon = icon(
  <>
    <path d="M12 3.5 21.5 20h-19z" />
    <path d="M12 10v4m0 3v.01" />
  </>,
);
export const EndpointIcon = icon(
  <>
    <circle cx="6" cy="18" r="2.5" />
    <circle cx="18" cy="18" r="2.5" />
    <circle cx="12" cy="6" r="2.5" />
    <path d="M10.9 8.3 7.2 15.8M13.1 8.3l3.7 7.5M8.5 18h7" />
  </>,
);
export const DeliveryIcon = icon(
  <>
    <path d="M3 11 21 3l-7 18-3-7z" />
    <path d="m11 14 4-5" />
  </>,
);
export const EventTypeIcon = icon(
  <>
    <path d="M4 6h6M4 12h10M4 18h6" />
    <circle cx="18" cy="6" r="2" />
    <circle cx="18" cy="18" r="2" />
  </>,
);
export const SettingsIcon = icon(
  <>
    <circle cx="8" cy="15" r="4" />
    <path d="m11 12 9-9m-4 4 3 3" />
  </>,
);
export const HistoryIcon = icon(
  <>
    <path d="M4 4v5h5" />
    <path d="M4.5 9A8.5 8.5 0 1 1 3.5 13" />
    <path d="M12 8v5l3 2" />
  </>,
);
export const PublishIcon = icon(
  <>
    <path d="M12 15V4m-4.5 4L12 3.5 16.5 8" />
    <path d="M4 14v5h16v-5" />
  </>,
);
export const ReplayIcon = icon(
  <>
    <path d="M4 12a8 8 0 1 1 2.5 5.8" />
    <path d="M4 18v-4h4" />
    <path d="m10.5 9 4.5 3-4.5 3z" />
  </>,
);
export const SourceIcon = icon(
  <>
    <ellipse cx="12" cy="6" rx="7" ry="3" />
    <path d="M5 6v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6" />
    <path d="M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3" />
  </>,
);
export const MessageIcon = icon(
  <>
    <path d="M4 5h16v11H9l-5 4z" />
    <path d="M8 9h8m-8 3.5h5" />
  </>,
);
export const MoreIcon = icon(
  <>
    <path d="M5 12h.01M12 12h.01M19 12h.01" />
  </>,
);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const CopyIcon = icon(
  <>
    <rect x="9" y="9" width="11" height="11" rx="2" />
    <path d="M5 15V6a2 2 0 0 1 2-2h8" />
  </>,
);
export const LinkIcon = icon(
  <>
    <path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1" />
    <path d="M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1" />
  </>,
);
export const CodeIcon = icon(<path d="m8 8-4 4 4 4m8-8 4 4-4 4" />);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 3v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.4m0-12.8L17 7M7 17l-1.4 1.4" />
  </>,
);
export const MoonIcon = icon(<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5" />);
export const ChevronIcon = icon(<path d="m9 6 6 6-6 6" />);
export const PersonIcon = icon(
  <>
    <circle cx="12" cy="8" r="4" />
    <path d="M4.5 20a7.5 7.5 0 0 1 15 0" />
  </>,
);
export const TrashIcon = icon(
  <>
    <path d="M5 7h14M10 7V4h4v3m3 0-1 13H8L7 7" />
  </>,
);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.5" />
    <path d="m16 16 4.5 4.5" />
  </>,
);
export const OverviewIcon = icon(<path d="M4 20V10m5.5 10V4M15 20v-7m5 7V8" />);
export const OrganizationIcon = icon(<path d="M4 20V5h9v15m0-11h7v11M2 20h20M7.5 9h2m-2 4h2m6.5 0h1m-1 3h1" />);
export const SystemIcon = icon(
  <>
    <rect x="3" y="4" width="18" height="7" rx="2" />
    <rect x="3" y="13" width="18" height="7" rx="2" />
    <path d="M7 7.5h.01M7 16.5h.01" />
  </>,
);
