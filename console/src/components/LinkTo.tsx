// Links and link-like buttons of the library that go through the router.
import { Anchor, Button, NavLink, type AnchorProps, type ButtonProps, type NavLinkProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentProps } from 'react';

type Of<Props> = Props & Omit<ComponentProps<'a'>, keyof Props>;

export const LinkTo = createLink((props: Of<AnchorProps>) => <Anchor {...props} />);
export const ButtonTo = createLink((props: Of<ButtonProps>) => <Button component="a" {...props} />);
export const NavLinkTo = createLink((props: Of<NavLinkProps>) => <NavLink component="a" {...props} />);
