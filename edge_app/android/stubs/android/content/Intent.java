package android.content;

import android.net.Uri;
import android.os.Parcelable;

public class Intent {
    public static final String ACTION_CREATE_DOCUMENT = "android.intent.action.CREATE_DOCUMENT";
    public static final String ACTION_GET_CONTENT = "android.intent.action.GET_CONTENT";
    public static final String ACTION_VIEW = "android.intent.action.VIEW";
    public static final String CATEGORY_OPENABLE = "android.intent.category.OPENABLE";
    public static final String EXTRA_ALLOW_MULTIPLE = "android.intent.extra.ALLOW_MULTIPLE";
    public static final String EXTRA_TITLE = "android.intent.extra.TITLE";

    public Intent(String action) {}

    public Intent(String action, Uri data) {}

    public Intent addCategory(String category) {
        return this;
    }

    public Intent setType(String type) {
        return this;
    }

    public Intent putExtra(String name, String value) {
        return this;
    }

    public Intent putExtra(String name, Parcelable value) {
        return this;
    }

    public Intent putExtra(String name, boolean value) {
        return this;
    }

    public Uri getData() {
        return null;
    }

    public ClipData getClipData() {
        return null;
    }
}
