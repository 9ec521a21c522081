"""How every report looks: one style of pictures, one style sheet, one loader of pages."""
