package android.widget;

import android.view.ViewGroup;

public class AbsoluteLayout extends ViewGroup {}
