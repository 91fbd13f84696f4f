"""The applications of the development server: what single sign-on, renewal, step-up and logout look like."""
